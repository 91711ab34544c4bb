package elasticsearch

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filter decides whether a key belongs to an answer.
type filter func(*apiKey) bool

// compileTop compiles the query of a request. What cannot be parsed is refused as a fault of the
// request's body, the rest as it is.
func (s *Server) compileTop(raw json.RawMessage) (filter, error) {
	accept, failure := s.compileQuery(raw)
	switch {
	case failure == nil:
		return accept, nil
	case failure.malformed():
		return nil, fieldFailure(searchParser, "query", failure)
	default:
		return nil, failure
	}
}

// malformed tells a query that cannot be parsed from one that is not allowed.
func (e *apiError) malformed() bool {
	return e.kind == "parsing_exception" || e.kind == parseFailed || strings.HasPrefix(e.reason, "query malformed")
}

// compileQuery turns a query into a filter, refusing what Elasticsearch refuses.
func (s *Server) compileQuery(raw json.RawMessage) (filter, *apiError) {
	var clauses map[string]json.RawMessage
	if err := json.Unmarshal(raw, &clauses); err != nil {
		return nil, badRequest("parsing_exception", "[_na] query malformed, must start with start_object")
	}
	if len(clauses) == 0 {
		return nil, illegalArgument("query malformed, empty clause found at [1:1]")
	}
	if len(clauses) > 1 {
		return nil, badRequest("parsing_exception", "malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
	}
	for name, body := range clauses {
		switch name {
		case "match_all":
			return func(*apiKey) bool { return true }, nil
		case "bool":
			return s.compileBool(body)
		case "ids":
			return compileIDs(body)
		case "exists":
			return s.compileExists(body)
		case "term", "terms", "prefix", "wildcard", "range", "match":
			return s.compileField(name, body)
		case "match_none", "match_phrase", "fuzzy", "regexp", "query_string", "multi_match", "nested", "script", "constant_score", "dis_max":
			return nil, illegalArgument("Query type [%s] is not currently supported in this context", name)
		default:
			failure := badRequest("parsing_exception", "unknown query [%s]", name)
			failure.cause = &apiError{kind: "named_object_not_found_exception", reason: "[1:1] unknown field [" + name + "]"}
			return nil, failure
		}
	}
	return nil, nil
}

func (s *Server) compileBool(raw json.RawMessage) (filter, *apiError) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, badRequest("parsing_exception", "[bool] query malformed, no start_object after query name")
	}
	var must, mustNot, should []filter
	minimum := -1
	for name, part := range parts {
		var target *[]filter
		switch name {
		case "must", "filter":
			target = &must
		case "must_not":
			target = &mustNot
		case "should":
			target = &should
		case "minimum_should_match":
			number, err := strconv.Atoi(strings.Trim(string(part), `"`))
			if err != nil {
				return nil, illegalArgument("invalid minimum_should_match [%s]", part)
			}
			minimum = number
			continue
		default:
			return nil, parseFailure("[1:1] [bool] unknown field [%s]", name)
		}
		compiled, failure := s.compileList(name, part)
		if failure != nil {
			return nil, failure
		}
		*target = append(*target, compiled...)
	}
	if minimum < 0 {
		minimum = 0
		if len(must) == 0 && len(should) > 0 {
			minimum = 1
		}
	}
	return func(key *apiKey) bool {
		held := 0
		for _, accept := range should {
			if accept(key) {
				held++
			}
		}
		return held >= minimum &&
			!slices.ContainsFunc(must, func(accept filter) bool { return !accept(key) }) &&
			!slices.ContainsFunc(mustNot, func(accept filter) bool { return accept(key) })
	}, nil
}

// compileList takes one query or a list of them, of a part of a bool query.
func (s *Server) compileList(part string, raw json.RawMessage) ([]filter, *apiError) {
	list := []json.RawMessage{raw}
	switch kind := tokenOf(raw); kind {
	case "START_ARRAY":
		if failure := decodeField("bool", part, raw, &list); failure != nil {
			return nil, failure
		}
	case "START_OBJECT":
	default:
		return nil, parseFailure("[1:1] [bool] %s doesn't support values of type: %s", part, kind)
	}
	filters := make([]filter, len(list))
	for i, entry := range list {
		compiled, failure := s.compileQuery(entry)
		if failure != nil && failure.malformed() {
			return nil, fieldFailure("bool", part, failure)
		}
		if failure != nil {
			return nil, failure
		}
		filters[i] = compiled
	}
	return filters, nil
}

func compileIDs(raw json.RawMessage) (filter, *apiError) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, badRequest("parsing_exception", "[ids] query malformed, no start_object after query name")
	}
	wanted := map[string]bool{}
	for field, value := range fields {
		if field != "values" {
			failure := badRequest("parsing_exception", "[1:1] [ids] unknown field [%s]", field)
			failure.cause = parseFailure("[1:1] [ids] unknown field [%s]", field)
			return nil, failure
		}
		var ids []string
		if failure := decodeList("ids", field, value, &ids); failure != nil {
			return nil, failure
		}
		for _, id := range ids {
			wanted[id] = true
		}
	}
	return func(key *apiKey) bool { return wanted[key.id] }, nil
}

func (s *Server) compileExists(raw json.RawMessage) (filter, *apiError) {
	var body struct {
		Field string `json:"field"`
	}
	if err := json.Unmarshal(raw, &body); err != nil || body.Field == "" {
		return nil, badRequest("parsing_exception", "[exists] must be provided with a [field]")
	}
	if _, failure := s.fieldKind(body.Field); failure != nil {
		return nil, failure
	}
	return func(key *apiKey) bool { return len(fieldValues(key, body.Field)) > 0 }, nil
}

// compileField compiles the queries that name one field.
func (s *Server) compileField(query string, raw json.RawMessage) (filter, *apiError) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, badRequest("parsing_exception", "[%s] query malformed, no start_object after query name", query)
	}
	if len(fields) != 1 {
		return nil, badRequest("parsing_exception", "[%s] query doesn't support multiple fields", query)
	}
	for field, value := range fields {
		if query == "range" {
			return s.compileRange(field, value)
		}
		return s.compileValues(query, field, value)
	}
	return nil, nil
}

// compileValues compiles term, terms, match, prefix and wildcard.
func (s *Server) compileValues(query, field string, raw json.RawMessage) (filter, *apiError) {
	wanted, failure := queryValues(query, field, raw)
	if failure != nil {
		return nil, failure
	}
	kind, failure := s.fieldKind(field)
	if failure != nil {
		return nil, failure
	}
	if failure := s.checkValues(query, field, kind, wanted); failure != nil {
		return nil, failure
	}
	return func(key *apiKey) bool {
		for _, value := range fieldValues(key, field) {
			for _, want := range wanted {
				if s.valueFits(query, value, want) {
					return true
				}
			}
		}
		return false
	}, nil
}

// checkValues refuses what the index cannot do with a field of a kind.
func (s *Server) checkValues(query, field string, kind kind, wanted []any) *apiError {
	pattern := query == "prefix" || query == "wildcard"
	switch {
	case pattern && kind != keyword:
		return searchFailure("query_shard_exception",
			"Can only use %s queries on keyword, text and wildcard fields - not on [%s]", query, field)
	case query == "wildcard" && strings.HasPrefix(field, "metadata."):
		return searchFailure("query_shard_exception",
			"failed to create query: [wildcard] queries are not currently supported on keyed [flattened] fields.")
	}
	for _, want := range wanted {
		if word := text(want); kind == boolean && word != "true" && word != "false" {
			return searchFailure("query_shard_exception",
				"failed to create query: Can't parse boolean value [%s], expected [true] or [false]", word)
		}
		if kind == date {
			if _, failure := s.parseMoment(want, "", false); failure != nil {
				return failure
			}
		}
	}
	return nil
}

func (s *Server) valueFits(query string, value, want any) bool {
	at, isTime := value.(time.Time)
	switch {
	case isTime:
		moment, failure := s.parseMoment(want, "", false)
		return failure == nil && at.Equal(moment)
	case query == "prefix":
		return strings.HasPrefix(text(value), text(want))
	case query == "wildcard":
		return matchesWildcard(text(want), text(value))
	default:
		return text(value) == text(want)
	}
}

// queryValues reads {"field": value} and {"field": {"value": value}}, for terms {"field": [values]}.
func queryValues(query, field string, raw json.RawMessage) ([]any, *apiError) {
	var value any
	// The body is valid JSON, so its parts are too.
	_ = json.Unmarshal(raw, &value)
	if query == "terms" {
		values, isList := value.([]any)
		if !isList {
			return nil, badRequest("parsing_exception", "[terms] query does not support [%s]", field)
		}
		return values, nil
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		return []any{value}, nil
	}
	names := map[string][]string{"match": {"query"}, "wildcard": {"value", "wildcard"}}[query]
	if names == nil {
		names = []string{"value"}
	}
	for name := range object {
		if !slices.Contains(names, name) {
			return nil, badRequest("parsing_exception", "[%s] query does not support [%s]", query, name)
		}
		value = object[name]
	}
	return []any{value}, nil
}
