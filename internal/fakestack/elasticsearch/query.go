package elasticsearch

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// maxWindow is Elasticsearch's index.max_result_window.
const maxWindow = 10_000

// searchParser is what errors call the body of a key query.
const searchParser = "query_api_key_request_payload"

// searchRequest is the body of a key query.
type searchRequest struct {
	query       json.RawMessage
	from, size  int
	order       []sortKey
	searchAfter []json.RawMessage
}

// queryKeys is GET or POST /_security/_query/api_key (contract B3). Whoever may see no more than
// his own keys gets those, without a word.
func (s *Server) queryKeys(c *call) (result, error) {
	request, err := s.parseSearch(c.body)
	if err != nil {
		return result{}, err
	}
	withLimitedBy, err := c.flag("with_limited_by")
	if err != nil {
		return result{}, err
	}
	all := s.can(c.caller, c.action, false)
	if err := s.authorize(c, !all); err != nil {
		return result{}, err
	}
	accept := func(*apiKey) bool { return true }
	if len(request.query) > 0 {
		if accept, err = s.compileTop(request.query); err != nil {
			return result{}, err
		}
	}
	found := slices.DeleteFunc(s.visibleKeys(), func(key *apiKey) bool {
		return !accept(key) || (!all && !c.caller.sees(key))
	})
	total := len(found)
	if found, err = request.page(found); err != nil {
		return result{}, err
	}
	documents := make([]any, len(found))
	for i, key := range found {
		document := key.document(withLimitedBy)
		if len(request.order) > 0 {
			document["_sort"] = sortValues(request.order, key)
		}
		documents[i] = document
	}
	return result{body: map[string]any{"total": total, "count": len(documents), "api_keys": documents}}, nil
}

// parseSearch reads the body of a key query and applies the rules that need no index.
func (s *Server) parseSearch(body []byte) (searchRequest, error) {
	request := searchRequest{size: 10}
	if len(body) == 0 {
		return request, nil
	}
	fields, failure := objectFields(searchParser, body)
	if failure != nil {
		return request, failure
	}
	for field, value := range fields {
		switch field {
		case "query":
			if request.query = value; tokenOf(value) != "START_OBJECT" {
				failure = parseFailure("[1:1] [%s] query doesn't support values of type: %s", searchParser, tokenOf(value))
			}
		case "from":
			failure = decodeWhole(field, value, &request.from)
		case "size":
			failure = decodeWhole(field, value, &request.size)
		case "sort":
			request.order, failure = s.parseSort(value)
		case "search_after":
			if failure = decodeField(searchParser, field, value, &request.searchAfter); failure == nil && len(request.searchAfter) == 0 {
				failure = fieldFailure(searchParser, field, illegalArgument("Values must contains at least one value."))
			}
		default:
			failure = parseFailure("[1:1] [%s] unknown field [%s]", searchParser, field)
		}
		if failure != nil {
			return request, failure
		}
	}
	return request, request.check()
}

// check applies the rules for from, size and search_after.
func (r searchRequest) check() error {
	var problems []string
	if r.from < 0 {
		problems = append(problems, "[from] parameter cannot be negative but was ["+strconv.Itoa(r.from)+"]")
	}
	if r.size < 0 {
		problems = append(problems, "[size] parameter cannot be negative but was ["+strconv.Itoa(r.size)+"]")
	}
	if r.from > 0 && len(r.searchAfter) > 0 {
		problems = append(problems, "[from] parameter must be set to 0 when [search_after] is used")
	}
	if err := validationFailure(problems); err != nil {
		return err
	}
	switch {
	case len(r.searchAfter) > 0 && len(r.order) == 0:
		return searchFailure("illegal_argument_exception", "Sort must contain at least one field.")
	case len(r.searchAfter) > 0 && len(r.searchAfter) != len(r.order):
		return searchFailure("illegal_argument_exception", "search_after has %d value(s) but sort has %d.", len(r.searchAfter), len(r.order))
	case r.from+r.size > maxWindow:
		return searchFailure("illegal_argument_exception",
			"Result window is too large, from + size must be less than or equal to: [%d] but was [%d]. "+
				"See the scroll api for a more efficient way to request large data sets. "+
				"This limit can be set by changing the [index.max_result_window] index level setting.", maxWindow, r.from+r.size)
	}
	return nil
}

// page sorts what was found and cuts out the page asked for.
func (r searchRequest) page(found []*apiKey) ([]*apiKey, error) {
	slices.SortStableFunc(found, func(a, b *apiKey) int {
		return compareKeys(r.order, sortValues(r.order, a), sortValues(r.order, b))
	})
	if len(r.searchAfter) > 0 {
		mark, err := parseMark(r.order, r.searchAfter)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(key *apiKey) bool { return compareKeys(r.order, sortValues(r.order, key), mark) <= 0 })
	}
	found = found[min(r.from, len(found)):]
	return found[:min(r.size, len(found))], nil
}

// sees reports whether manage_own_api_key shows the caller a key.
func (c subject) sees(key *apiKey) bool {
	if c.key != nil {
		return c.key == key
	}
	return c.owns(key)
}

// decodeWhole reads a whole number, which may be written as text.
func decodeWhole(field string, value json.RawMessage, target *int) *apiError {
	word := strings.Trim(string(value), `"`)
	number, err := strconv.Atoi(word)
	if err != nil {
		failure := illegalArgument("For input string: %q", word)
		failure.kind = "number_format_exception"
		return fieldFailure(searchParser, field, failure)
	}
	*target = number
	return nil
}
