// Package apierror is the one type of error that the clients of Kibana and Elasticsearch return.
package apierror

import (
	"errors"
	"fmt"
	"strings"
)

// What went wrong, for errors.Is. An Error is always exactly one of these.
var (
	ErrBadRequest   = errors.New("bad request")
	ErrUnauthorized = errors.New("not authenticated")
	ErrForbidden    = errors.New("not allowed")
	ErrNotFound     = errors.New("not found")
	ErrRateLimited  = errors.New("too many requests")
	ErrUnavailable  = errors.New("unavailable")
	ErrNotReady     = errors.New("not ready yet")
	ErrServer       = errors.New("server error")
	ErrRedirect     = errors.New("redirected")
	ErrUnreachable  = errors.New("unreachable")
	ErrTLS          = errors.New("TLS failed")
	ErrDisconnected = errors.New("connection lost")
	ErrTimeout      = errors.New("timed out")
	ErrInterrupted  = errors.New("interrupted")
	ErrWrongAnswer  = errors.New("unexpected answer")
	ErrWrongProduct = errors.New("another product answered")
	// ErrDerivedKey is the refusal to create a key on behalf of an API key (contract A5).
	ErrDerivedKey = errors.New("an API key cannot create API keys with privileges")
)

// Error is a request that failed. It carries no secret and no control character.
type Error struct {
	Product string // "Kibana" or "Elasticsearch"
	Method  string
	URL     string // scheme, host and path
	Kind    error  // one of the Err values of this package
	Status  int    // HTTP status; 0 when there was no whole answer
	Type    string // Elasticsearch's error type, where one was given
	Reason  string // what the server, or the network, said

	// MissingPrivileges and MissingClusterPrivileges are what Kibana's 403 names (contract A1).
	MissingPrivileges        []string
	MissingClusterPrivileges []string

	// Undelivered says that the request provably never reached the server.
	Undelivered bool
	// Undecided says that the server may have done what was asked, although no usable answer came.
	Undecided bool
	// Cause is the underlying error of Go's libraries, for errors.Is; its text is already in Reason.
	Cause error
}

// Error returns one line: what was asked, and what came back.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.URL)
	switch {
	case e.Status == 0:
		fmt.Fprintf(&b, "%s: %s", e.Product, e.Kind)
	case errors.Is(e.Kind, ErrWrongProduct):
		fmt.Fprintf(&b, "HTTP %d", e.Status) // Who answered is what the reason tells.
	default:
		fmt.Fprintf(&b, "%s answered HTTP %d", e.Product, e.Status)
	}
	if e.Type != "" {
		fmt.Fprintf(&b, " %s", e.Type)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	return b.String()
}

// Unwrap makes errors.Is see the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
