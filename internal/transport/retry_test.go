package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

// Trap 2 of the contract: what is sent again, and what only if it can have had no effect.
func TestDo_repeatsOnlyWhatMayPass(t *testing.T) {
	status := func(status int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status) }
	}
	tests := map[string]struct {
		answer                      func(http.ResponseWriter)
		kind                        error
		repeatable, onlyUndelivered bool
		undecided                   bool
	}{
		"400": {answer: status(400), kind: apierror.ErrBadRequest},
		"401": {answer: status(401), kind: apierror.ErrUnauthorized},
		"403": {answer: status(403), kind: apierror.ErrForbidden},
		"404": {answer: status(404), kind: apierror.ErrNotFound},
		"408": {answer: status(408), kind: apierror.ErrTimeout, repeatable: true, undecided: true},
		"409": {answer: status(409), kind: apierror.ErrBadRequest},
		"413": {answer: status(413), kind: apierror.ErrBadRequest},
		"429": {answer: status(429), kind: apierror.ErrRateLimited, repeatable: true, onlyUndelivered: true},
		"499": {answer: status(499), kind: apierror.ErrBadRequest, undecided: true},
		"500": {answer: status(500), kind: apierror.ErrServer, undecided: true},
		"501": {answer: status(501), kind: apierror.ErrServer, undecided: true},
		"502": {answer: status(502), kind: apierror.ErrUnavailable, repeatable: true, undecided: true},
		"503": {answer: status(503), kind: apierror.ErrUnavailable, repeatable: true, undecided: true},
		"504": {answer: status(504), kind: apierror.ErrUnavailable, repeatable: true, undecided: true},
		"304": {answer: status(304), kind: apierror.ErrRedirect},
		"307": {answer: status(307), kind: apierror.ErrRedirect},
		"not ready": {
			answer: func(w http.ResponseWriter) { http.Error(w, "not ready", http.StatusServiceUnavailable) },
			kind:   apierror.ErrNotReady, repeatable: true, onlyUndelivered: true,
		},
		"no answer": {answer: hangUp, kind: apierror.ErrDisconnected, repeatable: true, undecided: true},
		"half an answer": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		}, kind: apierror.ErrDisconnected, repeatable: true, undecided: true},
	}
	explain := func(failure *apierror.Error, answer *transport.Answer) {
		if string(answer.Body) == "not ready\n" {
			failure.Kind, failure.Undecided = apierror.ErrNotReady, false
		}
	}
	for name, test := range tests {
		for policy, repeated := range map[transport.Repeat]bool{transport.Repeatable: test.repeatable, transport.OnlyUndelivered: test.onlyUndelivered} {
			t.Run(name+" "+strconv.Itoa(int(policy)), func(t *testing.T) {
				s := newServer(t, func(w http.ResponseWriter, _ *http.Request, n int) {
					if n == 1 {
						test.answer(w)
					}
				})
				answer, err := post(t.Context(), t, newClient(t, transport.Config{Explain: explain}, s.URL), policy)
				if repeated {
					if err != nil || answer.Status != 200 {
						t.Errorf("the repetition failed: %v", err)
					}
					mustCount(t, s, 2)
					return
				}
				failure := transporttest.FailureOf(t, err, test.kind)
				if failure.Undecided != test.undecided || failure.Undelivered {
					t.Errorf("undecided %t, want %t; undelivered %t, want false", failure.Undecided, test.undecided, failure.Undelivered)
				}
				mustCount(t, s, 1)
			})
		}
	}
}

func TestDo_sendsTheWholeBodyEachTime(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.ContentLength != int64(len("the body")) {
			t.Errorf("the length is declared as %d", r.ContentLength)
		}
		if n < 4 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	if _, err := post(t.Context(), t, newClient(t, transport.Config{}, s.URL), transport.OnlyUndelivered); err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]string{"the body"}, 4); !slices.Equal(s.received(), want) {
		t.Errorf("received %q, want %q", s.received(), want)
	}
}

func TestDo_pausesLongerAndLongerWithJitter(t *testing.T) {
	s := newServer(t, always(503, ""))
	var firsts []time.Duration
	for range 10 {
		clock := newClock()
		_, err := post(t.Context(), t, newClient(t, transport.Config{Clock: clock}, s.URL), transport.Repeatable)
		mustFail(t, err, apierror.ErrUnavailable)
		if len(clock.pauses) < 6 {
			t.Fatalf("gave up after %d pauses", len(clock.pauses))
		}
		var total time.Duration
		most := 500 * time.Millisecond
		for i, pause := range clock.pauses {
			if pause < most/2 || pause > most {
				t.Errorf("pause %d is %v, want between %v and %v", i, pause, most/2, most)
			}
			most = min(2*most, 30*time.Second)
			total += pause
		}
		if total > 2*time.Minute {
			t.Errorf("the pauses take %v in all", total)
		}
		firsts = append(firsts, clock.pauses[0])
	}
	slices.Sort(firsts)
	if len(slices.Compact(firsts)) < 5 {
		t.Errorf("the first pauses have no jitter: %v", firsts)
	}
}

// A user may give an operation hours; doubling a pause overflows long before.
func TestDo_pausesForHoursWithoutRushing(t *testing.T) {
	s := newServer(t, always(503, ""))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
	defer cancel()
	clock := newClock()
	_, err := post(ctx, t, newClient(t, transport.Config{Clock: clock}, s.URL), transport.Repeatable)
	mustFail(t, err, apierror.ErrUnavailable)
	if n := len(clock.pauses); n < 200 || slices.Min(clock.pauses[6:]) < 15*time.Second {
		t.Errorf("%d pauses, the shortest of the later ones %v", n, slices.Min(clock.pauses[6:]))
	}
}

func TestDo_waitsAsLongAsTheServerAsks(t *testing.T) {
	date := func(ahead time.Duration) string { return newClock().Now().Add(ahead).Format(http.TimeFormat) }
	tests := map[string]struct {
		retryAfter  string
		least, most time.Duration
	}{
		"seconds":       {"7", 7 * time.Second, 7500 * time.Millisecond},
		"date":          {date(11 * time.Second), 11 * time.Second, 11500 * time.Millisecond},
		"date long ago": {date(-time.Hour), 250 * time.Millisecond, 500 * time.Millisecond},
		"nothing":       {"", 250 * time.Millisecond, 500 * time.Millisecond},
		"zero":          {"0", 250 * time.Millisecond, 500 * time.Millisecond},
		"negative":      {"-5", 250 * time.Millisecond, 500 * time.Millisecond},
		"nonsense":      {"soon", 250 * time.Millisecond, 500 * time.Millisecond},
		"fraction":      {"1.5", 250 * time.Millisecond, 500 * time.Millisecond},
	}
	for name, test := range tests {
		for _, status := range []int{429, 503} {
			t.Run(name+" "+strconv.Itoa(status), func(t *testing.T) {
				clock := newClock()
				s := newServer(t, func(w http.ResponseWriter, _ *http.Request, n int) {
					if n == 1 {
						w.Header().Set("Retry-After", test.retryAfter)
						w.WriteHeader(status)
					}
				})
				if _, err := post(t.Context(), t, newClient(t, transport.Config{Clock: clock}, s.URL), transport.Repeatable); err != nil {
					t.Fatal(err)
				}
				if len(clock.pauses) != 1 || clock.pauses[0] < test.least || clock.pauses[0] > test.most {
					t.Errorf("paused %v, want once between %v and %v", clock.pauses, test.least, test.most)
				}
			})
		}
	}
}

func TestDo_waitsNoLongerThanItsDeadline(t *testing.T) {
	tests := map[string]struct {
		deadline   time.Duration // 0: none
		retryAfter string
		requests   int
	}{
		"fits three times":      {11 * time.Second, "3", 4},
		"never fits":            {10 * time.Second, "30", 1},
		"no deadline, fits":     {0, "50", 3},
		"no deadline, too long": {0, "130", 1},
		"longer than a life":    {0, "9999999999", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if test.deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.deadline)
				defer cancel()
			}
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Retry-After", test.retryAfter)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			_, err := post(ctx, t, newClient(t, transport.Config{}, s.URL), transport.Repeatable)
			failure := transporttest.FailureOf(t, err, apierror.ErrRateLimited)
			if failure.Status != http.StatusTooManyRequests {
				t.Errorf("the error has the status %d", failure.Status)
			}
			mustCount(t, s, test.requests)
		})
	}
}

func TestDo_givesUpOnAnAddressThatDoesNotAnswer(t *testing.T) {
	for _, policy := range []transport.Repeat{transport.Repeatable, transport.OnlyUndelivered} {
		clock := newClock()
		_, err := post(t.Context(), t, newClient(t, transport.Config{Clock: clock}, "http://"+unusedAddress(t)), policy)
		failure := transporttest.FailureOf(t, err, apierror.ErrUnreachable)
		if !failure.Undelivered || failure.Undecided || failure.Status != 0 {
			t.Errorf("undelivered %t, undecided %t, status %d", failure.Undelivered, failure.Undecided, failure.Status)
		}
		if len(clock.pauses) != 3 {
			t.Errorf("tried %d times, want 4", len(clock.pauses)+1)
		}
	}
}

func TestDo_reachesAServerThatComesUpMeanwhile(t *testing.T) {
	for _, policy := range []transport.Repeat{transport.Repeatable, transport.OnlyUndelivered} {
		s := &server{}
		address := unusedAddress(t)
		clock := newClock()
		clock.sleeping = func() {
			listener, err := net.Listen("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			backend := httptest.NewUnstartedServer(s.handler(always(200, "")))
			_ = backend.Listener.Close()
			backend.Listener = listener
			backend.Start()
			t.Cleanup(backend.Close)
		}
		if _, err := post(t.Context(), t, newClient(t, transport.Config{Clock: clock}, "http://"+address), policy); err != nil {
			t.Error(err)
		}
		mustCount(t, s, 1)
	}
}

func TestDo_looksAnUnknownHostUpOnce(t *testing.T) {
	const noSuchName, serverFailed = 3, 2
	for name, test := range map[string]struct {
		rcode  byte
		pauses int
	}{"the name does not exist": {noSuchName, 0}, "the name server failed": {serverFailed, 3}} {
		t.Run(name, func(t *testing.T) {
			answerNames(t, test.rcode)
			clock := newClock()
			_, err := post(t.Context(), t, newClient(t, transport.Config{Clock: clock}, "http://kibana.test.invalid.:1"), transport.Repeatable)
			failure := transporttest.FailureOf(t, err, apierror.ErrUnreachable)
			var lookup *net.DNSError
			if !errors.As(failure, &lookup) || !failure.Undelivered {
				t.Errorf("undelivered %t: %v", failure.Undelivered, failure)
			}
			if len(clock.pauses) != test.pauses {
				t.Errorf("%d pauses, want %d", len(clock.pauses), test.pauses)
			}
		})
	}
}

// answerNames has every look-up of a name answered by a server of our own with the same error.
func answerNames(t *testing.T, rcode byte) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		message := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(message)
			if err != nil {
				return
			}
			// The second and third byte of a query's header become those of its answer (RFC 1035, 4.1.1).
			message[2], message[3] = 0x81, 0x80|rcode
			_, _ = conn.WriteTo(message[:n], from)
		}
	}()
	usual := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = usual
		_ = conn.Close()
	})
}
