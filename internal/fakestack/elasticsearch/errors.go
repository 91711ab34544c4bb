package elasticsearch

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Kinds of error that are treated in a way of their own.
const (
	parseFailed  = "x_content_parse_exception"
	searchFailed = "search_phase_execution_exception"
)

// apiError is a refusal in the shape that Elasticsearch gives it (contract B9).
type apiError struct {
	status int
	kind   string
	reason string
	// cause is what Elasticsearch reports as caused_by.
	cause *apiError
	// extra stands beside type and reason, in the error and in its root cause.
	extra map[string]any
	// plain makes "error" a string: refusals of the HTTP layer.
	plain bool
	// stated adds the status to a plain error.
	stated bool
	header http.Header
}

// Error implements error.
func (e *apiError) Error() string { return e.kind + ": " + e.reason }

// body returns the JSON document of the refusal.
func (e *apiError) body() map[string]any {
	if e.plain && e.stated {
		return map[string]any{"error": e.reason, "status": e.status}
	}
	if e.plain {
		return map[string]any{"error": e.reason}
	}
	document := e.fields()
	document["root_cause"] = []any{e.rootCause().fields()}
	// A search that the index refuses shows why in its root cause alone, unless it was an illegal argument.
	if e.cause != nil && (e.kind != searchFailed || e.cause.kind == "illegal_argument_exception") {
		document["caused_by"] = e.cause.nested()
	}
	return map[string]any{"error": document, "status": e.status}
}

// rootCause unwraps as Elasticsearch does: searches, and parse failures for as long as their cause
// is one too.
func (e *apiError) rootCause() *apiError {
	root := e
	for root.cause != nil {
		unwrapped := root.kind == searchFailed ||
			(root.kind == parseFailed && (root.cause.kind == parseFailed || root.cause.kind == "parse_exception" || root.cause.kind == "parsing_exception"))
		if !unwrapped {
			break
		}
		root = root.cause
	}
	return root
}

func (e *apiError) fields() map[string]any {
	fields := map[string]any{"type": e.kind, "reason": e.reason}
	maps.Copy(fields, e.extra)
	return fields
}

func (e *apiError) nested() map[string]any {
	fields := e.fields()
	if e.cause != nil {
		fields["caused_by"] = e.cause.nested()
	}
	return fields
}

func badRequest(kind, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: kind, reason: fmt.Sprintf(format, args...)}
}

func illegalArgument(format string, args ...any) *apiError {
	return badRequest("illegal_argument_exception", format, args...)
}

func parseFailure(format string, args ...any) *apiError {
	return badRequest(parseFailed, format, args...)
}

// fieldFailure wraps a refusal that arose while a field of a request was parsed.
func fieldFailure(parser, field string, cause *apiError) *apiError {
	failure := parseFailure("[1:1] [%s] failed to parse field [%s]", parser, field)
	failure.cause = cause
	return failure
}

// searchFailure is a refusal that arises when a query meets the index.
func searchFailure(kind, format string, args ...any) *apiError {
	cause := badRequest(kind, format, args...)
	failure := badRequest(searchFailed, "all shards failed")
	failure.cause = cause
	failure.extra = map[string]any{"phase": "query", "grouped": true, "failed_shards": []any{
		map[string]any{"shard": 0, "index": ".security-7", "node": "fakestack", "reason": cause.fields()},
	}}
	return failure
}

// validationFailure lists everything that is wrong with a request; nil when nothing is.
func validationFailure(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	var reason strings.Builder
	reason.WriteString("Validation Failed: ")
	for i, problem := range problems {
		fmt.Fprintf(&reason, "%d: %s;", i+1, problem)
	}
	return badRequest("action_request_validation_exception", "%s", reason.String())
}

func forbidden(reason string) *apiError {
	return &apiError{status: http.StatusForbidden, kind: "security_exception", reason: reason}
}

// challenges are the ways to authenticate that a 401 offers.
func challenges() []string {
	return []string{`Basic realm="security", charset="UTF-8"`, `Bearer realm="security"`, "ApiKey"}
}

func unauthorized(reason string, extra map[string]any) *apiError {
	fields := map[string]any{"header": map[string]any{"WWW-Authenticate": challenges()}}
	maps.Copy(fields, extra)
	return &apiError{
		status: http.StatusUnauthorized, kind: "security_exception", reason: reason, extra: fields,
		header: http.Header{"Www-Authenticate": challenges()},
	}
}
