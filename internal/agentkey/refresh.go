package agentkey

import (
	"context"
	"sync"
)

// maxPages is how many pages of keys are listed at most: Elasticsearch refuses to page further (contract E).
const maxPages = 10

// listing is the agent keys that one Service has listed, once it was asked for more than one.
type listing struct {
	mu    sync.Mutex
	asked bool           // for one key already
	keys  map[string]Key // nil: not listed yet
}

// Refresh is Read for who looks at many keys at one point in time, as a plan does: the first key is read by itself, and
// with the second all live agent keys are listed, a thousand by one request. What is not listed is read by itself. A
// change made meanwhile may go unseen; who has changed something asks Read.
func (s *Service) Refresh(ctx context.Context, ref Ref) (Reading, error) {
	key, ok, err := s.listed(ctx, ref)
	if err != nil {
		return Reading{}, err
	}
	if !ok {
		return s.Read(ctx, ref)
	}
	condition, err := s.condition(ctx, key)
	return Reading{Key: key, Condition: condition}, err
}

// listed returns a key from the listing, and makes the listing when it is time.
func (s *Service) listed(ctx context.Context, ref Ref) (Key, bool, error) {
	s.list.mu.Lock()
	defer s.list.mu.Unlock()
	if !s.list.asked {
		s.list.asked = true
		return Key{}, false, nil
	}
	if s.list.keys == nil {
		keys := map[string]Key{}
		for page := range maxPages {
			found, err := s.manager.FindKeys(ctx, Query{Application: Application, Username: ref.Username, Valid: true, Page: page})
			if err != nil {
				return Key{}, false, err
			}
			for _, key := range found {
				keys[key.ID] = key
			}
			if len(found) < PageSize {
				break
			}
		}
		s.list.keys = keys
	}
	key, ok := s.list.keys[ref.ID]
	return key, ok, nil
}
