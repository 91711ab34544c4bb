package elasticsearch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind is how a field is indexed.
type kind int

const (
	keyword kind = iota
	date
	boolean
)

// fieldKind refuses fields that key queries do not know. The owner's realm is realm_name here,
// and ids are asked for with an ids query alone.
func (s *Server) fieldKind(field string) (kind, *apiError) {
	switch field {
	case "type", "name", "username", "realm_name", "metadata":
		return keyword, nil
	case "creation", "expiration", "invalidation":
		return date, nil
	case "invalidated":
		return boolean, nil
	}
	if strings.HasPrefix(field, "metadata.") {
		return keyword, nil
	}
	if !s.atLeast(9, 0) {
		return 0, illegalArgument("Field [%s] is not allowed for API Key query or aggregation", field)
	}
	return 0, illegalArgument("Field [%s] is not allowed for querying or aggregation", field)
}

// fieldValues returns a key's values of a field: strings, or time.Time for dates.
func fieldValues(key *apiKey, field string) []any {
	at := func(t *time.Time) []any {
		if t == nil {
			return nil
		}
		return []any{*t}
	}
	switch field {
	case "type":
		return []any{"rest"}
	case "name":
		return []any{key.name}
	case "username":
		return []any{key.username}
	case "realm_name":
		return []any{key.realm.Name}
	case "creation":
		return at(&key.creation)
	case "expiration":
		return at(key.expiration)
	case "invalidation":
		return at(key.invalidation)
	case "invalidated":
		return []any{strconv.FormatBool(key.invalidated)}
	case "metadata":
		return leaves(key.metadata)
	}
	value := any(key.metadata)
	for part := range strings.SplitSeq(strings.TrimPrefix(field, "metadata."), ".") {
		object, isObject := value.(map[string]any)
		next, found := object[part]
		if !isObject || !found {
			return nil
		}
		value = next
	}
	return leaves(value)
}

// leaves flattens metadata as Elasticsearch's flattened field does: every leaf is a keyword.
func leaves(value any) []any {
	var found []any
	switch value := value.(type) {
	case map[string]any:
		for _, entry := range value {
			found = append(found, leaves(entry)...)
		}
	case []any:
		for _, entry := range value {
			found = append(found, leaves(entry)...)
		}
	case nil:
	default:
		found = append(found, text(value))
	}
	return found
}

// text writes a JSON value as a keyword field stores it.
func text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	default:
		return fmt.Sprint(value)
	}
}
