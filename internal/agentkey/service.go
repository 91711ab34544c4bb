package agentkey

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// Kibana is where keys are created.
type Kibana interface {
	// CreateAgentKey creates a key. It is not idempotent: every call that arrives makes another key (contract A1).
	CreateAgentKey(ctx context.Context, spec Spec) (Created, error)
}

// Elasticsearch is where keys live. Every error is an *apierror.Error.
type Elasticsearch interface {
	// Credential is who the client says it is.
	Credential() credential.Credential
	// Authenticate returns who Elasticsearch says it is.
	Authenticate(ctx context.Context) (Identity, error)
	// AuthenticateKey returns whose secret encoded is, base64 of "id:api_key".
	AuthenticateKey(ctx context.Context, encoded secret.Text) (Identity, error)
	// SeesEveryKey reports whether keys of every owner are visible.
	SeesEveryKey(ctx context.Context) (bool, error)
	// FindKeys returns the keys that match and that the caller may see, dead ones too; others are left out in silence
	// (contract B3).
	FindKeys(ctx context.Context, query Query) ([]Key, error)
	// MissingPrivileges returns which of these privileges of the application apm the caller lacks.
	MissingPrivileges(ctx context.Context, privileges []string) ([]string, error)
	// UpdateKey changes a key of the caller's own (contract B5).
	UpdateKey(ctx context.Context, id string, update Update) error
	// Invalidate revokes the key, and reports whether the answer names it as revoked. False proves nothing (contract B4).
	Invalidate(ctx context.Context, id string, owner bool) (bool, error)
}

// Query selects keys. Zero fields select nothing and exclude nothing.
type Query struct {
	IDs         []string
	Name        string
	Username    string // the realm cannot be asked for (measured: "Field [realm] is not allowed")
	Application string
	// Alive leaves out what is revoked or has expired, by the server's clock.
	Alive bool
	// ExpiredNow leaves out what has not expired, by the server's clock; ExpiresWithin what has not by then. Whole seconds.
	ExpiredNow    bool
	ExpiresWithin time.Duration
	// CreatedWithin leaves out what was created earlier than this before now, by the server's clock; CreatedBefore what
	// was created later. Whole seconds.
	CreatedWithin, CreatedBefore time.Duration
	// Page is the number of the page, from 0, of PageSize keys each, the newest first.
	Page int
}

// PageSize is how many keys FindKeys returns at most.
const PageSize = 1000

// Update is a change of a key. What is zero stays as it is.
type Update struct {
	// Expiration is counted from now. An end can be moved, but not taken away (contract E).
	Expiration time.Duration
	Privileges []string
}

// Service is the life of agent keys. It is safe for concurrent use.
type Service struct {
	kibana Kibana
	// owner speaks to Elasticsearch as the creator of keys, everyone else's business goes through manager.
	owner, manager Elasticsearch
	clock          clock.Clock
	made           registry
	list           listings
	// serverOffset is how far the server's clock is ahead of this machine's, creator who creates keys.
	serverOffset shared[time.Duration]
	creator      shared[Identity]
}

// Ref names a key of the state, with its owner as far as known.
type Ref struct {
	ID       string
	Username string // "" when unknown
	Realm    string
}

// Condition is what has become of a key.
type Condition int

// What can have become of a key. All but Alive are for ever.
const (
	Alive   Condition = iota
	Revoked           // invalidated; Elasticsearch still shows it for at least seven days (contract B6)
	Expired           // likewise
	Missing           // not there any more, for anybody
)

// Reading is a key and what has become of it. Key is zero when Missing.
type Reading struct {
	Key       Key
	Condition Condition
}

// namesakeAge is how old a key may be to be taken for one that an interrupted run has left.
const namesakeAge = 24 * time.Hour

// NewService returns a Service. owner has Kibana's credentials, manager has Elasticsearch's; they may be the same.
func NewService(kibana Kibana, owner, manager Elasticsearch, clock clock.Clock) *Service {
	return &Service{kibana: kibana, owner: owner, manager: manager, clock: clock, serverOffset: shared[time.Duration]{anew: true}}
}

// Create creates a key with exactly one request that reaches Kibana. When a key may have been created all the same, the
// error is an *UndecidedError that names the candidates; every other error means that there is no new key.
func (s *Service) Create(ctx context.Context, spec Spec) (Created, error) {
	started, end := s.clock.Now(), s.made.begin(spec.Name)
	created, err := s.kibana.CreateAgentKey(ctx, spec)
	end(created.ID)
	if err == nil {
		return created, nil
	}
	var failure *apierror.Error
	if !errors.As(err, &failure) || failure.Undelivered {
		return Created{}, err
	}
	undecided := s.investigate(ctx, spec, started, failure)
	// A refusal is taken at its word, unless there is a key that speaks against it: whatever stands before Kibana can
	// refuse too, and do so when Kibana has acted.
	if !failure.Undecided && len(undecided.Candidates) == 0 {
		return Created{}, err
	}
	return Created{}, undecided
}

// Read returns what has become of a key. Missing means that it would have been seen: where the caller can see only his own
// keys and the key is another's, the error is a *HiddenError, and where nobody knows whose it is a *StrangeError.
func (s *Service) Read(ctx context.Context, ref Ref) (Reading, error) {
	keys, err := s.manager.FindKeys(ctx, Query{IDs: []string{ref.ID}})
	if err != nil {
		return Reading{}, err
	}
	if len(keys) == 0 {
		return Reading{Condition: Missing}, s.wouldSee(ctx, ref)
	}
	key := keys[0]
	condition, err := s.condition(ctx, key)
	return Reading{Key: key, Condition: condition}, err
}

// Describe returns a key that this process has created with the given life, 0 for ever, and its namesakes: live agent keys
// of the same name and owner that were created within a day, and not by this process. They may be what an earlier run has
// left behind, when it was killed before it could save its state. A key that ends earlier is in its grace period, and none
// of them.
func (s *Service) Describe(ctx context.Context, created Created, life time.Duration) (Key, []Key, error) {
	keys, err := s.manager.FindKeys(ctx, Query{Name: created.Name, Application: Application, Alive: true, CreatedWithin: namesakeAge})
	if err != nil {
		return Key{}, nil, err
	}
	isOwn := func(key Key) bool { return key.ID == created.ID }
	own := slices.IndexFunc(keys, isOwn)
	if own < 0 { // It is dead already, or there are more namesakes than are listed.
		reading, err := s.Read(ctx, Ref{ID: created.ID})
		return reading.Key, nil, err
	}
	key := keys[own]
	others := slices.DeleteFunc(keys, func(other Key) bool {
		retired := !other.Expiration.IsZero() && (life == 0 || other.Expiration.Sub(other.Creation) < life-EndTolerance)
		return other.Username != key.Username || other.Realm != key.Realm || retired
	})
	return key, s.made.without(ctx, created.Name, others), nil
}

// Revoke makes sure that the key is dead: revoked now or before, expired, or gone for everybody. Only then the error is
// nil.
func (s *Service) Revoke(ctx context.Context, ref Ref) error {
	var refusal error
	for _, owner := range s.ownerFlags(ref) {
		done, err := s.manager.Invalidate(ctx, ref.ID, owner)
		switch {
		case errors.Is(err, apierror.ErrForbidden):
			refusal = cmp.Or(refusal, err) // The likelier request's; the other one's says the same.
			continue
		case err != nil:
			return err
		case done:
			return nil
		}
		reading, err := s.Read(ctx, ref)
		if err != nil {
			return err
		}
		if reading.Condition != Alive {
			return nil
		}
	}
	// Who may not revoke may still see that there is nothing to revoke.
	if reading, err := s.Read(ctx, ref); err == nil && reading.Condition != Alive {
		return nil
	}
	return &StillAliveError{ID: ref.ID, Refusal: refusal}
}

// condition judges a key that was found.
func (s *Service) condition(ctx context.Context, key Key) (Condition, error) {
	if key.Invalidated {
		return Revoked, nil
	}
	if key.Expiration.IsZero() {
		return Alive, nil
	}
	now, err := s.ServerNow(ctx, key)
	if err != nil {
		return Alive, err
	}
	if key.Expiration.Sub(now) > clockPrecision {
		return Alive, nil
	}
	// Who is dead leaves the state for ever, so nothing but the server's word will do.
	expired, err := s.manager.FindKeys(ctx, Query{IDs: []string{key.ID}, ExpiredNow: true})
	if len(expired) > 0 {
		return Expired, err
	}
	return Alive, err
}

// wouldSee returns nil if a key that was not found would have been seen (contract, trap 5).
func (s *Service) wouldSee(ctx context.Context, ref Ref) error {
	all, err := s.manager.SeesEveryKey(ctx)
	switch {
	case err != nil:
		return err
	case all && ref.Username == "":
		return &StrangeError{ID: ref.ID}
	case all:
		return nil
	}
	identity, err := s.manager.Authenticate(ctx)
	if err != nil {
		return err
	}
	if identity.Owns(ref.Username, ref.Realm) {
		return nil
	}
	return &HiddenError{Ref: ref, Identity: identity}
}

// ownerFlags returns the values of the owner flag to try, the likelier first, so that one request is enough in every
// usual set-up. A user without manage_api_key must send it, an API key must not, and for another's key it does nothing
// (contract E, trap 8).
func (s *Service) ownerFlags(ref Ref) []bool {
	caller := s.manager.Credential()
	others := caller.Kind() == credential.APIKey ||
		(caller.Kind() == credential.Basic && ref.Username != "" && caller.Username() != ref.Username)
	return []bool{!others, others}
}
