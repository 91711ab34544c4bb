package agentkey

import (
	"context"
	"sync"
	"time"
)

// clockPrecision is how well the server's time is known. Elasticsearch sends no Date header, but its queries know "now"
// (contract E): whether a key is older than so many seconds is all that can be asked.
const clockPrecision = 30 * time.Second

// serverClock is how far the server's clock is ahead of this machine's, once that is known.
type serverClock struct {
	mu     sync.Mutex
	known  bool
	offset time.Duration
}

// ServerNow returns the server's time, to half a minute. The first call asks whether the two clocks agree about the age of
// the key, which must exist, and finds the server's by bisection if they do not; later calls ask nothing.
func (s *Service) ServerNow(ctx context.Context, key Key) (time.Time, error) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if !s.server.known {
		local := s.clock.Now().Sub(key.Creation)
		age, err := s.age(ctx, key, local)
		if err != nil {
			return time.Time{}, err
		}
		s.server.offset, s.server.known = age-local, true
	}
	return s.clock.Now().Add(s.server.offset), nil
}

// age returns how old the key is by the server's clock, given what it is by this machine's.
func (s *Service) age(ctx context.Context, key Key, local time.Duration) (time.Duration, error) {
	if local > -clockPrecision {
		agreed, err := s.manager.FindKeys(ctx, Query{
			IDs: []string{key.ID}, CreatedWithin: local + clockPrecision, CreatedBefore: max(local-clockPrecision, 0),
		})
		if len(agreed) > 0 || err != nil {
			return local, err
		}
	}
	younger := func(age time.Duration) (bool, error) {
		keys, err := s.manager.FindKeys(ctx, Query{IDs: []string{key.ID}, CreatedWithin: age})
		return len(keys) > 0, err
	}
	const longest = 100 * 365 * 24 * time.Hour
	low, high := time.Duration(0), time.Hour
	for ok := false; !ok && high < longest; {
		var err error
		if ok, err = younger(high); err != nil {
			return 0, err
		}
		if !ok {
			low, high = high, 2*high
		}
	}
	for high-low > clockPrecision/2 {
		middle := (low + (high-low)/2).Round(time.Second)
		ok, err := younger(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			high = middle
		} else {
			low = middle
		}
	}
	return low + (high-low)/2, nil
}
