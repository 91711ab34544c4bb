package agentkey

import (
	"context"
	"slices"
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
		undecided.Candidates, undecided.SearchFailure = s.candidates(ctx, spec, undecided.Creator, started)
		if len(undecided.Candidates) > 0 || undecided.SearchFailure != nil {
			break
		}
	}
	return undecided
}

// candidates returns the keys that the lost create may have made, and no key that this process knows.
func (s *Service) candidates(ctx context.Context, spec Spec, creator Identity, started time.Time) ([]Key, error) {
	wanted := slices.Sorted(slices.Values(spec.Privileges))
	for slack := creationSlack; ; {
		asked := s.clock.Now()
		keys, err := s.owner.FindKeys(ctx, Query{
			Name: spec.Name, Application: Application, Username: creator.Username,
			Alive: true, CreatedWithin: asked.Sub(started) + slack,
		})
		keys = s.made.without(ctx, spec.Name, slices.DeleteFunc(keys, func(key Key) bool {
			privileges, told := key.Privileges()
			return key.Realm != creator.Realm || (told && !slices.Equal(privileges, wanted))
		}))
		took := s.clock.Now().Sub(asked)
		if err != nil || len(keys) > 0 || took <= slack {
			return keys, err
		}
		// The question was put off, and arrived when the key may have been older than it says.
		slack = 2 * took
	}
}
