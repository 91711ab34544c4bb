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

// UnfitError says why a key cannot be imported.
type UnfitError struct {
	ID      string
	Reasons []string
}

// Error implements error.
func (e *UnfitError) Error() string {
	return fmt.Sprintf("key %s cannot be managed as an APM agent key: %s", e.ID, strings.Join(e.Reasons, "; "))
}
