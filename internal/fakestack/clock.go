package fakestack

import (
	"sync"
	"time"
)

// Clock tells the stand-ins the time. A test sets it; nothing but a test moves a clock made by
// NewClock. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	// at is the time of a standing clock; offset what a running one adds to real time.
	at      time.Time
	offset  time.Duration
	running bool
}

// NewClock returns a clock that stands at start.
func NewClock(start time.Time) *Clock { return &Clock{at: start} }

// RealTime returns a clock that runs, at first with real time.
func RealTime() *Clock { return &Clock{running: true} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return time.Now().Add(c.offset)
	}
	return c.at
}

// Advance moves the clock forward, or back by a negative duration. A running clock runs on from there.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.offset += d
}

// Set moves the clock to t. A running clock runs on from there.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
	c.offset = time.Until(t)
}
