package agentkey

import (
	"context"
	"slices"
	"sync"
)

// registry is what one Service creates. It is safe for concurrent use.
type registry struct {
	mu sync.Mutex
	// ids are the keys that were created and whose secret is known.
	ids map[string]bool
	// underWay are the names that are asked for now, by a channel that is closed afterwards.
	underWay map[chan struct{}]string
}

// begin notes that a key of that name is asked for. The caller says which it is, or "" for none.
func (r *registry) begin(name string) (end func(id string)) {
	over := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay == nil {
		r.underWay, r.ids = map[chan struct{}]string{}, map[string]bool{}
	}
	r.underWay[over] = name
	return func(id string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.underWay, over)
		if id != "" {
			r.ids[id] = true
		}
		close(over)
	}
}

// without returns the keys of that name without those of this process. One may be there before its answer is, so it waits
// for the creates that are under way, or until ctx ends.
func (r *registry) without(ctx context.Context, name string, keys []Key) []Key {
	keys = slices.DeleteFunc(keys, r.has)
	if len(keys) == 0 {
		return nil
	}
	for _, over := range r.waiting(name) {
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
	return slices.DeleteFunc(keys, r.has)
}

func (r *registry) has(key Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[key.ID]
}

func (r *registry) waiting(name string) []chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	var waiting []chan struct{}
	for over, other := range r.underWay {
		if other == name {
			waiting = append(waiting, over)
		}
	}
	return waiting
}
