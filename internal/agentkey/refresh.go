package agentkey

import (
	"context"
	"sync"
)

// maxPages is how many pages of keys are listed at most: Elasticsearch refuses to page further (contract E).
const maxPages = 10

// listings are the live agent keys that one Service has listed, by owner; there is one for whom it was asked before.
type listings struct {
	mu     sync.Mutex
	owners map[string]*shared[map[string]Key]
}

// Refresh is Read for who looks at many keys at one point in time, as a plan does: the first key of an owner is read by
// itself, and with the second all his live agent keys are listed, a thousand by one request. What is not listed is read by
// itself. A change made meanwhile may go unseen; who has changed something asks Read.
func (s *Service) Refresh(ctx context.Context, ref Ref) (Reading, error) {
	key, ok, err := s.listed(ctx, ref)
	if err != nil {
		return Reading{}, err
	}
	if !ok {
		return s.Read(ctx, ref)
	}
	return Reading{Key: key, Condition: Alive}, nil
}

// listed returns a live key from the listing of its owner.
func (s *Service) listed(ctx context.Context, ref Ref) (Key, bool, error) {
	if ref.Username == "" {
		return Key{}, false, nil
	}
	s.list.mu.Lock()
	listing := s.list.owners[ref.Username]
	if listing == nil {
		if s.list.owners == nil {
			s.list.owners = map[string]*shared[map[string]Key]{}
		}
		s.list.owners[ref.Username] = &shared[map[string]Key]{}
	}
	s.list.mu.Unlock()
	if listing == nil {
		return Key{}, false, nil
	}
	keys, err := listing.get(ctx, func(ctx context.Context) (map[string]Key, error) { return s.listKeys(ctx, ref.Username) })
	key, ok := keys[ref.ID]
	return key, ok, err
}

// listKeys returns the live agent keys of a user, by id.
func (s *Service) listKeys(ctx context.Context, username string) (map[string]Key, error) {
	keys := map[string]Key{}
	for page := range maxPages {
		found, err := s.manager.FindKeys(ctx, Query{Application: Application, Username: username, Alive: true, Page: page})
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
