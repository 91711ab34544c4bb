package transport

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
)

const (
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second
	// maxConnectionAttempts bounds tries of addresses that do not answer: a wrong one must not look like a hang. Each of
	// them is tried at least once. What the server asks to wait for is bounded by the context's deadline alone.
	maxConnectionAttempts = 4
	// maxWait bounds the pauses of a request whose context has no deadline.
	maxWait = 2 * time.Minute
)

// patience returns how long the pauses of one request may be in all.
func patience(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return maxWait
}

// pause decides whether the request is sent again, and after how long. It never pauses for longer than patience.
func (c *Client) pause(
	ctx context.Context, failure *apierror.Error, header http.Header, repeat Repeat, attempt int, patience time.Duration,
) (time.Duration, bool) {
	if ctx.Err() != nil || !mayPass(failure) || (repeat == OnlyUndelivered && !hadNoEffect(failure)) {
		return 0, false
	}
	if failure.Status == 0 && attempt >= max(maxConnectionAttempts, len(c.config.URLs)) {
		return 0, false
	}
	// Kept below the maximum as a float: as a duration it overflows after some thirty attempts.
	pause := time.Duration(min(float64(firstPause)*math.Pow(2, float64(attempt-1)), float64(maxPause)))
	// Half of it is jitter, so that the many operations of one run do not come back all at once.
	pause = pause/2 + time.Duration(c.jittered()*float64(pause/2))
	if asked := retryAfter(header, c.config.Clock.Now()); asked > pause {
		// The jitter must not make a wait too long that is not.
		pause = max(asked, min(asked+time.Duration(c.jittered()*float64(firstPause)), patience))
	}
	return pause, pause <= patience
}

// mayPass reports whether the same request may succeed later.
func mayPass(failure *apierror.Error) bool {
	var dns *net.DNSError
	if errors.As(failure, &dns) && dns.IsNotFound {
		return false
	}
	for _, kind := range []error{
		apierror.ErrRateLimited, apierror.ErrUnavailable, apierror.ErrNotReady,
		apierror.ErrUnreachable, apierror.ErrDisconnected, apierror.ErrTimeout,
	} {
		if errors.Is(failure, kind) {
			return true
		}
	}
	return false
}

// hadNoEffect reports whether the request provably did nothing (contract, trap 2).
func hadNoEffect(failure *apierror.Error) bool {
	return failure.Undelivered || errors.Is(failure, apierror.ErrNotReady) || errors.Is(failure, apierror.ErrRateLimited)
}

// retryAfter reads the header in both of its forms, seconds and date. It returns 0 for anything else.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(min(seconds, math.MaxInt32)) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
