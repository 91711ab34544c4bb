package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

// fakeClock notes pauses instead of waiting, and moves on by them.
type fakeClock struct {
	// sleeping, when set, is called when a pause begins.
	sleeping func()

	mu     sync.Mutex
	now    time.Time
	pauses []time.Duration
}

var _ clock.Clock = (*fakeClock)(nil)

func newClock() *fakeClock {
	return &fakeClock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}
}

// Now implements clock.Clock.
func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep implements clock.Clock.
func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.sleeping != nil {
		c.sleeping()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pauses = append(c.pauses, d)
	c.now = c.now.Add(d)
	return ctx.Err()
}

// server counts what arrives and answers as told.
type server struct {
	URL string

	mu     sync.Mutex
	bodies []string
}

// newServer answers the nth request, from 1 on, as handler says. Requests are read whole before they are answered.
func newServer(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, n int)) *server {
	t.Helper()
	s := &server{}
	backend := httptest.NewServer(s.handler(handler))
	t.Cleanup(backend.Close)
	s.URL = backend.URL
	return s
}

func (s *server) handler(handler func(w http.ResponseWriter, r *http.Request, n int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.bodies = append(s.bodies, string(body))
		n := len(s.bodies)
		s.mu.Unlock()
		handler(w, r, n)
	}
}

// received returns the bodies of the requests so far.
func (s *server) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.bodies...)
}

// always answers every request in the same way.
func always(status int, body string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.Close()
}

// unusedAddress returns a loopback address where nothing listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// newClient returns a client that takes an answer's body for the server's words. Endpoints replace config.URLs.
func newClient(t *testing.T, config transport.Config, endpoints ...string) *transport.Client {
	t.Helper()
	config.Product = "Testing"
	for _, endpoint := range endpoints {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		config.URLs = append(config.URLs, u)
	}
	if config.Explain == nil {
		config.Explain = func(failure *apierror.Error, answer *transport.Answer) { failure.Reason = string(answer.Body) }
	}
	if config.Clock == nil {
		config.Clock = newClock()
	}
	client, err := transport.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// post sends one request with a body.
func post(ctx context.Context, t *testing.T, client *transport.Client, repeat transport.Repeat) (*transport.Answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/path", strings.NewReader("the body"))
	if err != nil {
		t.Fatal(err)
	}
	return client.Do(req, repeat)
}

// mustFail checks that the error is of a kind.
func mustFail(t *testing.T, err, kind error) {
	t.Helper()
	_ = transporttest.FailureOf(t, err, kind)
}

// mustCount checks how many requests arrived.
func mustCount(t *testing.T, s *server, want int) {
	t.Helper()
	if got := len(s.received()); got != want {
		t.Errorf("%d requests arrived, want %d", got, want)
	}
}
