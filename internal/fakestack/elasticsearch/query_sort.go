package elasticsearch

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// sortKey is one level of a sort.
type sortKey struct {
	field        string
	kind         kind
	descending   bool
	missingFirst bool
}

// parseSort reads ["creation"] and [{"creation":{"order":"asc"}}]; [{"creation":"asc"}], which
// searches elsewhere take, is refused here (contract E).
func (s *Server) parseSort(raw json.RawMessage) ([]sortKey, *apiError) {
	var levels []json.RawMessage
	switch tokenOf(raw) {
	case "START_ARRAY":
		if failure := decodeField(searchParser, "sort", raw, &levels); failure != nil {
			return nil, failure
		}
	case "START_OBJECT":
		levels = []json.RawMessage{raw}
	default:
		return nil, parseFailure("[1:1] [%s] sort doesn't support values of type: %s", searchParser, tokenOf(raw))
	}
	order := make([]sortKey, len(levels))
	for i, raw := range levels {
		level, failure := parseSortLevel(raw)
		if failure != nil {
			return nil, fieldFailure(searchParser, "sort", failure)
		}
		if level.kind, failure = s.fieldKind(level.field); failure != nil {
			return nil, failure
		}
		order[i] = level
	}
	return order, nil
}

func parseSortLevel(raw json.RawMessage) (sortKey, *apiError) {
	var field string
	if json.Unmarshal(raw, &field) == nil {
		return sortKey{field: field}, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return sortKey{}, illegalArgument("mal-formatted sort object")
	}
	if len(fields) != 1 {
		return sortKey{}, badRequest("parsing_exception", "Failed to parse object: expecting token of type [END_OBJECT] but found [FIELD_NAME]")
	}
	level := sortKey{}
	for name, raw := range fields {
		level.field = name
		if kind := tokenOf(raw); kind != "START_OBJECT" {
			return sortKey{}, parseFailure("[1:1] [field_sort] Expected START_OBJECT but was: %s", kind)
		}
		var options map[string]string
		if err := json.Unmarshal(raw, &options); err != nil {
			return sortKey{}, parseFailure("[1:1] [field_sort] %s", err.Error())
		}
		for option, value := range options {
			if failure := level.set(option, value); failure != nil {
				return sortKey{}, failure
			}
		}
	}
	return level, nil
}

func (k *sortKey) set(option, value string) *apiError {
	switch {
	case option == "order" && (strings.EqualFold(value, "asc") || strings.EqualFold(value, "desc")):
		k.descending = strings.EqualFold(value, "desc")
	case option == "order":
		return fieldFailure("field_sort", option,
			illegalArgument("No enum constant org.elasticsearch.search.sort.SortOrder.%s", strings.ToUpper(value)))
	case option == "missing" && (value == "_first" || value == "_last"):
		k.missingFirst = value == "_first"
	default:
		return parseFailure("[1:1] [field_sort] unknown field [%s]", option)
	}
	return nil
}

// sortValues are a key's values in a sort: text, or a number for times and booleans. A missing text is nil.
func sortValues(order []sortKey, key *apiKey) []any {
	values := make([]any, len(order))
	for i, level := range order {
		found := fieldValues(key, level.field)
		switch {
		case len(found) > 0:
			values[i] = sortValue(level.kind, found[0])
		case level.kind == keyword:
		case level.descending != level.missingFirst:
			values[i] = int64(math.MinInt64)
		default:
			values[i] = int64(math.MaxInt64)
		}
	}
	return values
}

func sortValue(kind kind, value any) any {
	switch {
	case kind == date:
		at, _ := value.(time.Time)
		return at.UnixMilli()
	case kind == boolean && value == "true":
		return int64(1)
	case kind == boolean:
		return int64(0)
	default:
		return value
	}
}

func compareKeys(order []sortKey, a, b []any) int {
	for i, level := range order {
		if result := level.compare(a[i], b[i]); result != 0 {
			return result
		}
	}
	return 0
}

// compare orders two values of a level; a missing text stands last whatever the direction.
func (k *sortKey) compare(a, b any) int {
	if a == nil || b == nil {
		missing := 1
		if k.missingFirst {
			missing = -1
		}
		switch {
		case a == nil && b == nil:
			return 0
		case a == nil:
			return missing
		default:
			return -missing
		}
	}
	result := compareValues(a, b)
	if k.descending {
		return -result
	}
	return result
}

func compareValues(a, b any) int {
	left, leftNumber := a.(int64)
	right, rightNumber := b.(int64)
	if leftNumber && rightNumber {
		return cmp.Compare(left, right)
	}
	return cmp.Compare(text(a), text(b))
}

// parseMark reads search_after: one value for each level of the sort.
func parseMark(order []sortKey, raw []json.RawMessage) ([]any, error) {
	mark := make([]any, len(raw))
	for i, value := range raw {
		var number int64
		var word *string
		switch {
		case order[i].kind == keyword && json.Unmarshal(value, &word) == nil:
			if word != nil {
				mark[i] = *word
			}
		case order[i].kind == keyword:
			mark[i] = string(value)
		case json.Unmarshal(json.RawMessage(strings.Trim(string(value), `"`)), &number) == nil:
			mark[i] = number
		default:
			return nil, searchFailure("parse_exception", "failed to parse date field [%s] with format [epoch_millis]", strings.Trim(string(value), `"`))
		}
	}
	return mark, nil
}
