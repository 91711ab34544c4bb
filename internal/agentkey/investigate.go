package agentkey

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
)

const (
	// investigationTimeout bounds the search for a key whose answer was lost. It is not cut by an interrupt: without it
	// nobody would know of the key.
	investigationTimeout = 30 * time.Second
	// creationSlack is added to the age of a candidate, for Elasticsearch counts in whole seconds here.
	creationSlack = 2 * time.Second
)

// lookAgain are the pauses between searches: a create waits about a second for the index refresh (contract E), so a key
// may show up only after the connection was lost.
var lookAgain = []time.Duration{0, 2 * time.Second, 3 * time.Second}

// investigate finds out what it can about a create that has failed. It looks once where Kibana has refused, and again
// after a while where nobody knows what has become of the request.
func (s *Service) investigate(ctx context.Context, spec Spec, started time.Time, failure *apierror.Error) *UndecidedError {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), investigationTimeout)
	defer cancel()
	undecided := &UndecidedError{Spec: spec, Since: started, Cause: failure}
	undecided.Creator, undecided.SearchFailure = s.owner.Authenticate(ctx)
	if undecided.SearchFailure != nil {
		return undecided
	}
	pauses := lookAgain
	if !failure.Undecided {
		pauses = pauses[:1]
	}
	for _, pause := range pauses {
		if undecided.SearchFailure = s.clock.Sleep(ctx, pause); undecided.SearchFailure != nil {
			break
		}
		undecided.Candidates, undecided.SearchFailure = s.candidates(ctx, spec, undecided.Creator, s.clock.Now().Sub(started))
		if len(undecided.Candidates) > 0 || undecided.SearchFailure != nil {
			break
		}
	}
	return undecided
}

// candidates returns the keys that the lost create may have made, and no key that this process knows.
func (s *Service) candidates(ctx context.Context, spec Spec, creator Identity, age time.Duration) ([]Key, error) {
	keys, err := s.owner.FindKeys(ctx, Query{
		Name: spec.Name, Application: Application, Username: creator.Username,
		Valid: true, CreatedWithin: age + creationSlack,
	})
	if err != nil {
		return nil, err
	}
	wanted := slices.Sorted(slices.Values(spec.Privileges))
	return slices.DeleteFunc(keys, func(key Key) bool {
		privileges, told := key.Privileges()
		return key.Realm != creator.Realm || s.made.has(key.ID) || (told && !slices.Equal(privileges, wanted))
	}), nil
}

// registry is the set of the keys that this process has created and knows the secret of.
type registry struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *registry) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string]bool{}
	}
	r.ids[id] = true
}

func (r *registry) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}
