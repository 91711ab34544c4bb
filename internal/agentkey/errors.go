package agentkey

import (
	"fmt"
	"strings"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
)

// HiddenError says that a key was not found by somebody who could not have seen it.
type HiddenError struct {
	Ref      Ref
	Identity Identity
}

// Error implements error.
func (e *HiddenError) Error() string {
	return fmt.Sprintf("key %s is not among the keys that %s can see, which says nothing about whether it exists", e.Ref.ID, e.Identity)
}

// StrangeError says that Elasticsearch, all of whose keys the caller sees, does not have a key, and never was seen to have
// it: then this may be another Elasticsearch than Kibana's, and the key be alive there.
type StrangeError struct {
	ID string
}

// Error implements error.
func (e *StrangeError) Error() string {
	return fmt.Sprintf("Elasticsearch does not have the key %s, and was never seen to have it", e.ID)
}

// UndecidedError says that a create may or may not have made a key, whose secret is then lost.
type UndecidedError struct {
	Spec       Spec
	Since      time.Time // when the create was sent, by this machine's clock
	Creator    Identity  // zero when unknown
	Candidates []Key     // live keys that look like it
	// SearchFailure says why the candidates could not be looked for.
	SearchFailure error
	Cause         *apierror.Error
}

// Error implements error.
func (e *UndecidedError) Error() string {
	return fmt.Sprintf("it is unknown whether the key %q was created: %s", e.Spec.Name, e.Cause)
}

// Unwrap returns the failure of the create.
func (e *UndecidedError) Unwrap() error { return e.Cause }

// StillAliveError says that a key could not be revoked.
type StillAliveError struct {
	ID      string
	Refusal error // what Elasticsearch said, if it refused
}

// Error implements error.
func (e *StillAliveError) Error() string {
	if e.Refusal != nil {
		return fmt.Sprintf("key %s is still alive: %s", e.ID, e.Refusal)
	}
	return fmt.Sprintf("key %s is still alive although Elasticsearch accepted the request to revoke it", e.ID)
}

// Unwrap returns the refusal.
func (e *StillAliveError) Unwrap() error { return e.Refusal }

// DeadError says that a key cannot be changed any more.
type DeadError struct {
	ID     string
	Reason string
}

// Error implements error.
func (e *DeadError) Error() string { return fmt.Sprintf("key %s is dead: %s", e.ID, e.Reason) }

// UnconfirmedError says that Elasticsearch has accepted the end of a key, and that it could not be seen there afterwards.
type UnconfirmedError struct {
	ID    string
	Grace time.Duration
	Err   error
}

// Error implements error.
func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("key %s was given an end %s from now, which could not be confirmed: %s", e.ID, e.Grace, e.Err)
}

// Unwrap returns why.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// UnfitError says why a key cannot be imported.
type UnfitError struct {
	ID      string
	Reasons []string
}

// Error implements error.
func (e *UnfitError) Error() string {
	return fmt.Sprintf("key %s cannot be managed as an APM agent key: %s", e.ID, strings.Join(e.Reasons, "; "))
}
