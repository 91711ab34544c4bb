package agentkey

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// shared is an answer that the first who wants it asks for on behalf of all: with a server that hangs, they must not wait
// one after the other. It is safe for concurrent use.
type shared[T any] struct {
	// anew lets those who come after a failure ask again; else it is everybody's.
	anew bool

	mu      sync.Mutex
	current *attempt[T]
}

// attempt is one question for the answer.
type attempt[T any] struct {
	done  chan struct{} // closed when the rest is there
	value T
	err   error
}

// get returns what ask returns. The deadline of who asks ends his own wait alone; the client bounds how long a request can
// take. An interrupt ends the question too, as it ends the run.
func (s *shared[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	current, first := s.join()
	if first {
		asking, cut := context.WithCancel(context.WithoutCancel(ctx))
		context.AfterFunc(ctx, func() {
			if errors.Is(ctx.Err(), context.Canceled) {
				cut()
			}
		})
		go func() {
			defer cut()
			s.settle(current, func() (T, error) { return ask(asking) })
		}()
	}
	select {
	case <-current.done:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.Canceled) {
			var none T
			return none, fmt.Errorf("no answer of Elasticsearch came in time, which other keys wait for too: %w", ctx.Err())
		}
		<-current.done
	}
	return current.value, current.err
}

// join returns the attempt that all share, and whether the caller is the first, who has to make it.
func (s *shared[T]) join() (*attempt[T], bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return s.current, false
	}
	s.current = &attempt[T]{done: make(chan struct{})}
	return s.current, true
}

func (s *shared[T]) settle(current *attempt[T], ask func() (T, error)) {
	defer close(current.done)
	if current.value, current.err = ask(); current.err != nil && s.anew {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.current = nil
	}
}
