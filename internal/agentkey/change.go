package agentkey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
)

const (
	// EndTolerance is how far the end of a key may be from creation plus life and still count as that: Elasticsearch takes
	// an end only as a duration from the moment at which the request arrives.
	EndTolerance = time.Minute
	// endPrecision is how near to the wanted end a change comes before it is corrected.
	endPrecision = 5 * time.Second
	// shortestLife is what is asked for when a key should end at once; "0s" is refused (contract E).
	shortestLife = time.Millisecond
)

// Change is what becomes of a live key. What is zero stays as it is.
type Change struct {
	Privileges []string
	// Life is the time between creation and expiration.
	Life time.Duration
}

// CanChange reports whether the creator's credentials own the key. Only the owner can change a key, and no API key can,
// whatever its privileges (contract B5 and E).
func (s *Service) CanChange(ctx context.Context, ref Ref) (bool, error) {
	if s.owner.Credential().Kind() == credential.APIKey {
		return false, nil
	}
	identity, err := s.creator.get(ctx, s.owner.Authenticate)
	return err == nil && identity.Owns(ref.Username, ref.Realm), err
}

// ExpireCreated gives a key that was created a moment ago its life.
func (s *Service) ExpireCreated(ctx context.Context, created Created, life time.Duration) error {
	left := life - s.clock.Now().Sub(created.Requested)
	return s.owner.UpdateKey(ctx, created.ID, Update{Expiration: max(left, shortestLife)})
}

// Change changes a key in place, and returns it as it is then.
func (s *Service) Change(ctx context.Context, ref Ref, change Change) (Key, error) {
	if len(change.Privileges) > 0 {
		// Elasticsearch takes privileges that the owner does not have, and then leaves the key without them (contract E).
		missing, err := s.owner.MissingPrivileges(ctx, change.Privileges)
		if err != nil {
			return Key{}, err
		}
		if len(missing) > 0 {
			return Key{}, &LackingError{ID: ref.ID, Privileges: missing}
		}
	}
	key, err := s.live(ctx, ref)
	if err != nil {
		return Key{}, err
	}
	update := Update{Privileges: change.Privileges}
	end := key.Creation.Add(change.Life)
	if change.Life > 0 {
		now, err := s.ServerNow(ctx, key)
		if err != nil {
			return Key{}, err
		}
		if update.Expiration = end.Sub(now); update.Expiration <= 0 {
			return Key{}, &PastEndError{ID: ref.ID, End: end}
		}
	}
	if err := s.owner.UpdateKey(ctx, ref.ID, update); err != nil {
		return Key{}, err
	}
	if key, err = s.live(ctx, ref); err != nil || change.Life == 0 {
		return key, err
	}
	// Where the clocks are apart the answer tells by how much.
	if late := key.Expiration.Sub(end); late.Abs() > endPrecision && update.Expiration > late {
		if err := s.owner.UpdateKey(ctx, ref.ID, Update{Expiration: update.Expiration - late}); err != nil {
			return Key{}, err
		}
		return s.live(ctx, ref)
	}
	return key, nil
}

// Retire lets the key live on for the grace, or until its own end if that comes first, and returns when it ends. A key
// that is dead already needs nothing; its end is then zero. The server holds the end, whatever happens afterwards.
func (s *Service) Retire(ctx context.Context, ref Ref, grace time.Duration) (time.Time, error) {
	reading, err := s.Read(ctx, ref)
	if err != nil || reading.Condition != Alive {
		return time.Time{}, err
	}
	if !reading.Key.Expiration.IsZero() {
		now, err := s.ServerNow(ctx, reading.Key)
		if err != nil {
			return time.Time{}, err
		}
		if !reading.Key.Expiration.After(now.Add(grace)) {
			return reading.Key.Expiration, nil
		}
	}
	if err := s.owner.UpdateKey(ctx, ref.ID, Update{Expiration: grace}); err != nil && !s.deadNow(ctx, ref, err) {
		return time.Time{}, err
	}
	ending, err := s.manager.FindKeys(ctx, Query{IDs: []string{ref.ID}, ExpiresWithin: grace + EndTolerance})
	if err == nil && len(ending) > 0 {
		return ending[0].Expiration, nil
	}
	if err == nil {
		reading, err = s.Read(ctx, ref)
	}
	switch {
	case err != nil:
		return time.Time{}, &UnconfirmedError{ID: ref.ID, Grace: grace, Err: err}
	case reading.Condition == Alive:
		return time.Time{}, &StillAliveError{ID: ref.ID}
	}
	return time.Time{}, nil
}

// live returns a key that must not be dead.
func (s *Service) live(ctx context.Context, ref Ref) (Key, error) {
	reading, err := s.Read(ctx, ref)
	if err != nil {
		return Key{}, err
	}
	if reason := dead(reading); reason != "" {
		return Key{}, &DeadError{ID: ref.ID, Reason: reason}
	}
	return reading.Key, nil
}

// deadNow reports whether a change was refused because the key has died meanwhile.
func (s *Service) deadNow(ctx context.Context, ref Ref, refusal error) bool {
	if !errors.Is(refusal, apierror.ErrBadRequest) && !errors.Is(refusal, apierror.ErrNotFound) {
		return false
	}
	reading, err := s.Read(ctx, ref)
	return err == nil && reading.Condition != Alive
}

// LackingError says that a key cannot get privileges that its owner does not have.
type LackingError struct {
	ID         string
	Privileges []string
}

// Error implements error.
func (e *LackingError) Error() string {
	return fmt.Sprintf("the owner of key %s lacks the privileges %s of the application \"apm\" on the resources \"*\"", e.ID, strings.Join(slices.Sorted(slices.Values(e.Privileges)), ", "))
}

// PastEndError says that a key cannot get an end that is over.
type PastEndError struct {
	ID  string
	End time.Time
}

// Error implements error.
func (e *PastEndError) Error() string {
	return fmt.Sprintf("key %s would have ended at %s already", e.ID, e.End.UTC().Format(time.RFC3339))
}
