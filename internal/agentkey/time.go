package agentkey

import (
	"context"
	"fmt"
	"time"
)

// clockPrecision is how well the server's time is known. Elasticsearch sends no Date header, but its queries know "now"
// (contract E): whether a key is older than so many seconds is all that can be asked.
const clockPrecision = 30 * time.Second

// longest is how far two clocks can be apart.
const longest = 100 * 365 * 24 * time.Hour

// promptTries is how often a question about time is asked until it is answered promptly.
const promptTries = 3

// ServerNow returns the server's time, to half a minute. The first call asks whether the two clocks agree about the age of
// the key, which must exist, and finds the difference by bisection if they do not; later calls ask nothing.
func (s *Service) ServerNow(ctx context.Context, key Key) (time.Time, error) {
	offset, err := s.serverOffset.get(ctx, func(ctx context.Context) (time.Duration, error) { return s.offset(ctx, key) })
	if err != nil {
		return time.Time{}, err
	}
	return s.clock.Now().Add(offset), nil
}

// offset returns how far the server's clock is ahead.
func (s *Service) offset(ctx context.Context, key Key) (time.Duration, error) {
	if agreed, err := s.isAhead(ctx, key, -clockPrecision, clockPrecision); agreed || err != nil {
		return 0, err
	}
	// The key is not younger than nothing.
	low := -s.clock.Now().Sub(key.Creation)
	high := low
	for found, step := false, time.Hour; !found; step *= 2 {
		if step > longest {
			return 0, fmt.Errorf("key %s has disappeared from Elasticsearch while it was looked at", key.ID)
		}
		var err error
		low, high = high, high+step
		if found, err = s.isAhead(ctx, key, -longest, high); err != nil {
			return 0, err
		}
	}
	for high-low > clockPrecision/2 {
		middle := low + (high-low)/2
		found, err := s.isAhead(ctx, key, -longest, middle)
		if err != nil {
			return 0, err
		}
		if found {
			high = middle
		} else {
			low = middle
		}
	}
	return low + (high-low)/2, nil
}

// isAhead reports whether the server's clock is ahead by something between the two: whether the key is that much older for
// the server than it is for this machine.
func (s *Service) isAhead(ctx context.Context, key Key, least, most time.Duration) (bool, error) {
	for try := 1; ; try++ {
		asked := s.clock.Now()
		age := asked.Sub(key.Creation)
		if age+most <= 0 {
			return false, nil
		}
		keys, err := s.manager.FindKeys(ctx, Query{IDs: []string{key.ID}, CreatedWithin: age + most, CreatedBefore: max(age+least, 0)})
		// A question that was put off arrives when the key is older than it says.
		if err != nil || s.clock.Now().Sub(asked) <= clockPrecision/2 || try == promptTries {
			return len(keys) > 0, err
		}
	}
}
