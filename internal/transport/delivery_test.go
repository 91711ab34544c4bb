package transport_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

var policies = map[string]transport.Repeat{"Repeatable": transport.Repeatable, "OnlyUndelivered": transport.OnlyUndelivered}

// closingServer answers the first request on each connection, and closes the connection when it has read the second. It
// counts the POST requests among all.
func closingServer(t *testing.T) (endpoint string, posts *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	posts = &atomic.Int32{}
	read := func(reader *bufio.Reader) {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if req.Method == http.MethodPost {
			posts.Add(1)
		}
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				reader := bufio.NewReader(connection)
				read(reader)
				_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				read(reader)
			}()
		}
	}()
	return "http://" + listener.Addr().String(), posts
}

func get(t *testing.T, client *transport.Client) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(req, transport.Repeatable); err != nil {
		t.Fatal(err)
	}
}

// Go's own transport sends some requests again when a connection that it kept alive turns out to be closed.
func TestDo_sendsACreateOnceWhenAKeptConnectionBreaksUnderIt(t *testing.T) {
	endpoint, posts := closingServer(t)
	client := newClient(t, transport.Config{}, endpoint)
	get(t, client)
	_, err := post(t.Context(), t, client, transport.OnlyUndelivered)
	if failure := transporttest.FailureOf(t, err, apierror.ErrDisconnected); !failure.Undecided || failure.Undelivered {
		t.Errorf("undecided %t, undelivered %t", failure.Undecided, failure.Undelivered)
	}
	if got := posts.Load(); got != 1 {
		t.Errorf("the request arrived %d times, want 1", got)
	}
}

func TestDo_sendsARepeatableRequestAgainWhenAKeptConnectionBreaksUnderIt(t *testing.T) {
	endpoint, posts := closingServer(t)
	client := newClient(t, transport.Config{}, endpoint)
	get(t, client)
	if _, err := post(t.Context(), t, client, transport.Repeatable); err != nil {
		t.Error(err)
	}
	if got := posts.Load(); got != 2 {
		t.Errorf("the request arrived %d times, want 2", got)
	}
}

// The server closes at the very moment when the request is sent: it may arrive or not, but never twice.
func TestDo_neverSendsACreateTwiceWhenAKeptConnectionIsJustClosed(t *testing.T) {
	for range 50 {
		var posts atomic.Int32
		s := newServer(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method == http.MethodPost {
				posts.Add(1)
				return
			}
			connection, buffer, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_ = buffer.Flush()
			_ = connection.Close()
		})
		client := newClient(t, transport.Config{}, s.URL)
		get(t, client)
		_, err := post(t.Context(), t, client, transport.OnlyUndelivered)
		var failure *apierror.Error
		switch arrived := posts.Load(); {
		case arrived > 1:
			t.Fatalf("the request arrived %d times", arrived)
		case arrived == 1 && err != nil:
			t.Fatalf("the request arrived and was answered: %v", err)
		case arrived == 0 && (!errors.As(err, &failure) || failure.Undelivered == failure.Undecided):
			t.Fatalf("the request did not arrive: %v", err)
		}
	}
}

func TestDo_cutsARepeatableRequestWhenInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		interrupt()
		<-r.Context().Done()
	})
	clock := newClock()
	_, err := post(ctx, t, newClient(t, transport.Config{Clock: clock}, s.URL), transport.Repeatable)
	if failure := transporttest.FailureOf(t, err, apierror.ErrInterrupted); !failure.Undecided {
		t.Error("the request is not undecided although it arrived")
	}
	mustCount(t, s, 1)
	if len(clock.pauses) > 0 {
		t.Error("paused after an interrupt")
	}
}

func TestDo_letsACreateFinishWhenInterrupted(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"interrupt": context.WithCancel,
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			return ctx, func() { <-ctx.Done(); cancel() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := end(t.Context())
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				cancel()
				_, _ = io.WriteString(w, "the key")
			})
			answer, err := post(ctx, t, newClient(t, transport.Config{}, s.URL), transport.OnlyUndelivered)
			if err != nil || string(answer.Body) != "the key" {
				t.Errorf("the answer is lost: %v", err)
			}
			if ctx.Err() == nil {
				t.Error("the test did not end the context")
			}
		})
	}
}

func TestDo_givesAnInterruptedCreateNoLongerThanTheRequestTimeout(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		interrupt()
		<-r.Context().Done()
	})
	_, err := post(ctx, t, newClient(t, transport.Config{RequestTimeout: 2 * time.Second}, s.URL), transport.OnlyUndelivered)
	if failure := transporttest.FailureOf(t, err, apierror.ErrTimeout); !failure.Undecided {
		t.Error("the request is not undecided although it arrived")
	}
	mustCount(t, s, 1)
}

func TestDo_sendsNothingOnceItsContextHasEnded(t *testing.T) {
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, policy := range policies {
		s := newServer(t, always(200, ""))
		client := newClient(t, transport.Config{}, s.URL)
		for kind, ctx := range map[error]context.Context{apierror.ErrInterrupted: interrupted, apierror.ErrTimeout: late} {
			_, err := post(ctx, t, client, policy)
			if failure := transporttest.FailureOf(t, err, kind); !failure.Undelivered || failure.Undecided {
				t.Errorf("%s: undelivered %t, undecided %t", name, failure.Undelivered, failure.Undecided)
			}
		}
		mustCount(t, s, 0)
	}
}

// interruptedClock is the machine's clock, with an interrupt as soon as a pause begins.
type interruptedClock struct {
	clock.System
	interrupt context.CancelFunc
}

// Sleep implements clock.Clock.
func (c interruptedClock) Sleep(ctx context.Context, d time.Duration) error {
	c.interrupt()
	return c.System.Sleep(ctx, d)
}

func TestDo_endsAPauseWhenInterrupted(t *testing.T) {
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
			})
			began := time.Now()
			_, err := post(ctx, t, newClient(t, transport.Config{Clock: interruptedClock{interrupt: interrupt}}, s.URL), policy)
			mustFail(t, err, apierror.ErrRateLimited)
			mustCount(t, s, 1)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestDo_saysThatABodyCannotBeRead(t *testing.T) {
	s := newServer(t, always(200, ""))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/path", io.MultiReader(strings.NewReader("half"), brokenReader{}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = newClient(t, transport.Config{}, s.URL).Do(req, transport.Repeatable)
	if failure := transporttest.FailureOf(t, err, apierror.ErrBadRequest); !failure.Undelivered || !errors.Is(failure, io.ErrClosedPipe) {
		t.Errorf("undelivered %t: %v", failure.Undelivered, failure)
	}
	mustCount(t, s, 0)
}

type brokenReader struct{}

// Read implements io.Reader.
func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
