package elasticsearch

import (
	"bytes"
	"encoding/json"
	"strings"
)

// objectFields reads the body of a request as an object.
func objectFields(parser string, body []byte) (map[string]json.RawMessage, *apiError) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, badRequest("parse_exception", "request body is required")
	}
	if !json.Valid(body) {
		return nil, parseFailure("[1:1] Unexpected end of file")
	}
	if kind := tokenOf(body); kind != "START_OBJECT" {
		return nil, parseFailure("[1:1] [%s] Expected START_OBJECT but was: %s", parser, kind)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, parseFailure("[1:1] [%s] %s", parser, err.Error())
	}
	return fields, nil
}

// decodeField reads a field of a request, refusing values of another type in Elasticsearch's words.
func decodeField(parser, field string, value json.RawMessage, target any) *apiError {
	if string(value) == "null" || json.Unmarshal(value, target) != nil {
		return parseFailure("[1:1] [%s] %s doesn't support values of type: %s", parser, field, tokenOf(value))
	}
	return nil
}

// decodeList reads a list of strings; Elasticsearch takes one string for a list of it.
func decodeList(parser, field string, value json.RawMessage, target *[]string) *apiError {
	var one string
	if json.Unmarshal(value, &one) == nil && string(value) != "null" {
		*target = []string{one}
		return nil
	}
	return decodeField(parser, field, value, target)
}

// decodeFlag reads a boolean; Elasticsearch takes the words too.
func decodeFlag(parser, field string, value json.RawMessage, target *bool) *apiError {
	var word string
	if json.Unmarshal(value, &word) != nil || string(value) == "null" {
		return decodeField(parser, field, value, target)
	}
	flag, err := parseFlag(word)
	if err != nil {
		return fieldFailure(parser, field, err)
	}
	*target = flag
	return nil
}

func parseFlag(word string) (bool, *apiError) {
	switch word {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, illegalArgument("Failed to parse value [%s] as only [true] or [false] are allowed.", word)
	}
}

// tokenOf names the type of a JSON value as Elasticsearch's parser does.
func tokenOf(value []byte) string {
	text := strings.TrimSpace(string(value))
	switch {
	case text == "":
		return "null"
	case text == "null":
		return "VALUE_NULL"
	case text == "true", text == "false":
		return "VALUE_BOOLEAN"
	case text[0] == '"':
		return "VALUE_STRING"
	case text[0] == '{':
		return "START_OBJECT"
	case text[0] == '[':
		return "START_ARRAY"
	default:
		return "VALUE_NUMBER"
	}
}
