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
	asked bool          // for one key already
	done  chan struct{} // closed when keys and err are there; nil before anybody lists
	keys  map[string]Key
	err   error
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

// listed returns a key from the listing, which the second who asks makes for all who come after, its failure included:
// with a server that hangs, they must not wait one after the other.
func (s *Service) listed(ctx context.Context, ref Ref) (Key, bool, error) {
	s.list.mu.Lock()
	first, lists := !s.list.asked, s.list.asked && s.list.done == nil
	s.list.asked = true
	if lists {
		s.list.done = make(chan struct{})
	}
	done := s.list.done
	s.list.mu.Unlock()
	if first {
		return Key{}, false, nil
	}
	if lists {
		s.list.keys, s.list.err = s.listKeys(ctx, ref.Username)
		close(done)
	}
	select {
	case <-done:
		key, ok := s.list.keys[ref.ID]
		return key, ok, s.list.err
	case <-ctx.Done():
		return Key{}, false, ctx.Err()
	}
}

// listKeys returns the live agent keys of a user, by id.
func (s *Service) listKeys(ctx context.Context, username string) (map[string]Key, error) {
	keys := map[string]Key{}
	for page := range maxPages {
		found, err := s.manager.FindKeys(ctx, Query{Application: Application, Username: username, Valid: true, Page: page})
		if err != nil {
			return nil, err
		}
		for _, key := range found {
			keys[key.ID] = key
		}
		if len(found) < PageSize {
			break
		}
	}
	return keys, nil
}
