package kibana_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/kibana"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

const (
	username = "terraform"
	password = "pa55word-0f-terraform"
)

var spec = agentkey.Spec{Name: "checkout", Privileges: []string{"event:write", "config_agent:read"}}

// impatientClock does not wait.
type impatientClock struct{ clock.System }

// Sleep implements clock.Clock.
func (impatientClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newClient(t *testing.T, endpoint, space string, c credential.Credential) *kibana.Client {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kibana.New(transport.Config{URLs: []*url.URL{u}, Credential: c, Clock: impatientClock{}}, space)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func basic() credential.Credential { return credential.NewBasic(username, secret.New(password)) }

// answering returns a client of a server that answers every request in the same way.
func answering(t *testing.T, status int, header http.Header, body string) *kibana.Client {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(backend.Close)
	return newClient(t, backend.URL, "", basic())
}

// newStack returns a stack with a user who may do what agent keys need, and nothing else.
func newStack(t *testing.T, options fakestack.Options) *fakestack.Stack {
	t.Helper()
	stack, err := fakestack.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	if err := stack.SeedAgentKeyUser(t.Context(), username, password); err != nil {
		t.Fatal(err)
	}
	return stack
}

// mustFail checks that the error is of a kind.
func mustFail(t *testing.T, err, kind error) {
	t.Helper()
	_ = transporttest.FailureOf(t, err, kind)
}

// mustHold checks how many agent keys the server holds.
func mustHold(t *testing.T, stack *fakestack.Stack, want int) []fakestack.KeyRecord {
	t.Helper()
	keys, err := stack.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != want {
		t.Fatalf("the server holds %d agent keys, want %d", len(keys), want)
	}
	return keys
}
