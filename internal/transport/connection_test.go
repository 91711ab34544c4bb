package transport_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// connections counts a server's.
type connections struct {
	mu           sync.Mutex
	opened, open int
	changed      chan struct{}
}

// countConnections serves handler and counts the connections that clients open.
func countConnections(t *testing.T, handler http.HandlerFunc) (endpoint string, counted *connections) {
	t.Helper()
	counted = &connections{changed: make(chan struct{}, 1)}
	backend := httptest.NewUnstartedServer(handler)
	backend.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		counted.mu.Lock()
		defer counted.mu.Unlock()
		switch state {
		case http.StateNew:
			counted.opened++
			counted.open++
		case http.StateClosed, http.StateHijacked:
			counted.open--
		default:
		}
		select {
		case counted.changed <- struct{}{}:
		default:
		}
	}
	backend.Start()
	t.Cleanup(backend.Close)
	return backend.URL, counted
}

func (c *connections) count() (opened, open int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened, c.open
}

// mustAllClose waits until the server has no connection any more.
func (c *connections) mustAllClose(t *testing.T) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		if _, open := c.count(); open == 0 {
			return
		}
		select {
		case <-c.changed:
		case <-timeout:
			_, open := c.count()
			t.Fatalf("%d connections are left", open)
		}
	}
}

func TestClient_sendsSequentialRequestsOverOneConnection(t *testing.T) {
	endpoint, counted := countConnections(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	client := newClient(t, transport.Config{}, endpoint)
	for i := range 100 {
		if i%2 == 1 {
			client = client.As(credential.NewBearer(secret.New("t0ken"))) // Over the same connections.
		}
		_, err := post(t.Context(), t, client, transport.Repeatable)
		mustFail(t, err, apierror.ErrNotFound) // An error must not cost the connection.
	}
	if opened, _ := counted.count(); opened != 1 {
		t.Errorf("%d connections were opened, want 1", opened)
	}
	client.Close()
	counted.mustAllClose(t)
}

func TestClient_keepsTheConnectionsOfParallelRequests(t *testing.T) {
	const parallel = 50
	var arrived sync.WaitGroup
	endpoint, counted := countConnections(t, func(http.ResponseWriter, *http.Request) {
		arrived.Done()
		arrived.Wait() // So that each request needs a connection of its own.
	})
	client := newClient(t, transport.Config{}, endpoint)
	for range 2 {
		arrived.Add(parallel)
		var wave sync.WaitGroup
		for range parallel {
			wave.Go(func() {
				if _, err := post(t.Context(), t, client, transport.Repeatable); err != nil {
					t.Error(err)
				}
			})
		}
		wave.Wait()
	}
	if opened, _ := counted.count(); opened != parallel {
		t.Errorf("%d connections were opened, want %d", opened, parallel)
	}
	client.Close()
	counted.mustAllClose(t)
}

func TestClient_passesADeadEndpointOver(t *testing.T) {
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, always(200, ""))
			clock := newClock()
			client := newClient(t, transport.Config{Clock: clock}, "http://"+unusedAddress(t), s.URL)
			for range 20 {
				if _, err := post(t.Context(), t, client, policy); err != nil {
					t.Fatal(err)
				}
			}
			mustCount(t, s, 20)
			if len(clock.pauses) != 1 {
				t.Errorf("%d pauses, want 1: the dead endpoint is remembered", len(clock.pauses))
			}
		})
	}
}

func TestClient_usesEveryEndpoint(t *testing.T) {
	one, other := newServer(t, always(200, "")), newServer(t, always(200, ""))
	client := newClient(t, transport.Config{}, one.URL, other.URL)
	for range 10 {
		if _, err := post(t.Context(), t, client, transport.Repeatable); err != nil {
			t.Fatal(err)
		}
	}
	mustCount(t, one, 5)
	mustCount(t, other, 5)
}

func TestClient_putsTheBasePathBeforeThePath(t *testing.T) {
	for base, want := range map[string]string{"": "/s/a%20b/x?q=1", "/base": "/base/s/a%20b/x?q=1", "/base/deeper": "/base/deeper/s/a%20b/x?q=1"} {
		var got string
		s := newServer(t, func(_ http.ResponseWriter, r *http.Request, _ int) { got = r.RequestURI })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/s/a%20b/x?q=1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newClient(t, transport.Config{}, s.URL+base).Do(req, transport.Repeatable); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("base path %q: got %q, want %q", base, got, want)
		}
	}
}

func TestClient_sendsItsCredentialAndName(t *testing.T) {
	var got http.Header
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request, _ int) { got = r.Header })
	client := newClient(t, transport.Config{UserAgent: "tester/1", Credential: credential.NewBasic("user", secret.New("pass"))}, s.URL)
	for want, client := range map[string]*transport.Client{
		"Basic dXNlcjpwYXNz": client, "Bearer t0ken": client.As(credential.NewBearer(secret.New("t0ken"))), "": client.As(credential.Credential{}),
	} {
		if _, err := post(t.Context(), t, client, transport.Repeatable); err != nil {
			t.Fatal(err)
		}
		if got.Get("Authorization") != want || got.Get("User-Agent") != "tester/1" {
			t.Errorf("sent as %q with another credential than %d bytes", got.Get("User-Agent"), len(want))
		}
	}
	if client.Credential().Username() != "user" {
		t.Error("the client has another credential than it was made with")
	}
}

// Perform is what go-elasticsearch's request types call.
func TestClient_performsRequestsOfOtherLibraries(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("X-Test", "yes")
		w.WriteHeader(http.StatusCreated)
	})
	client := newClient(t, transport.Config{}, s.URL)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Perform(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusCreated || res.Header.Get("X-Test") != "yes" || res.Request != req {
		t.Errorf("status %d, header %v", res.StatusCode, res.Header)
	}
	mustCount(t, s, 2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	//nolint:bodyclose // There is no answer.
	if res, err := client.Perform(req.WithContext(ended)); res != nil {
		t.Error("an answer comes with an error")
	} else {
		mustFail(t, err, apierror.ErrInterrupted)
	}
}

// The settings of one client must not reach others, least of all insecure.
func TestNew_leavesTheProcessWideTransportAlone(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.NotFoundHandler())
	backend.Config.ErrorLog = quiet
	backend.StartTLS()
	t.Cleanup(backend.Close)
	u, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, transport.Config{URLs: []*url.URL{u}, TLS: transport.TLS{Insecure: true}})
	_, err = post(t.Context(), t, client, transport.Repeatable)
	mustFail(t, err, apierror.ErrNotFound)

	usual, ok := http.DefaultTransport.(*http.Transport)
	if !ok || (usual.TLSClientConfig != nil && (usual.TLSClientConfig.InsecureSkipVerify || usual.TLSClientConfig.RootCAs != nil)) {
		t.Error("the default transport is changed")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, backend.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("the default client trusts the server too")
	}
	_, err = post(t.Context(), t, newClient(t, transport.Config{URLs: []*url.URL{u}}), transport.Repeatable)
	mustFail(t, err, apierror.ErrTLS)
}
