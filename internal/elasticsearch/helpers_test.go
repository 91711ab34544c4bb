package elasticsearch_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/elasticsearch"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

const (
	username = "terraform"
	password = "pa55word-0f-terraform"
	keyID    = "VuaCfGcBCdbkQm-e5aOx"
)

// impatientClock does not wait.
type impatientClock struct{ clock.System }

// Sleep implements clock.Clock.
func (impatientClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newClient(t *testing.T, endpoint string, c credential.Credential) *elasticsearch.Client {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	client, err := elasticsearch.New(transport.Config{URLs: []*url.URL{u}, Credential: c, Clock: impatientClock{}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func basic() credential.Credential { return credential.NewBasic(username, secret.New(password)) }

// sent is the last request that a server got.
type sent struct {
	Method, URI, Authorization, Body string
	Header                           http.Header
}

// answering returns a client of a server that answers every request in the same way.
func answering(t *testing.T, status int, header http.Header, body string) (*elasticsearch.Client, *sent) {
	t.Helper()
	last := &sent{}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		*last = sent{r.Method, r.RequestURI, r.Header.Get("Authorization"), string(content), r.Header}
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(backend.Close)
	return newClient(t, backend.URL, basic()), last
}

// calls are all calls of the client.
func calls() map[string]func(context.Context, *elasticsearch.Client) error {
	return map[string]func(context.Context, *elasticsearch.Client) error{
		"Authenticate": func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.Authenticate(ctx)
			return err
		},
		"AuthenticateKey": func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.AuthenticateKey(ctx, agentkey.Encode(keyID, "secret"))
			return err
		},
		"SeesEveryKey": func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.SeesEveryKey(ctx)
			return err
		},
		"FindKeys": func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.FindKeys(ctx, agentkey.Query{IDs: []string{keyID}})
			return err
		},
		"MissingPrivileges": func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.MissingPrivileges(ctx, []string{agentkey.EventWrite})
			return err
		},
		"UpdateKey": func(ctx context.Context, c *elasticsearch.Client) error {
			return c.UpdateKey(ctx, keyID, agentkey.Update{Expiration: time.Hour})
		},
		"Invalidate": func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.Invalidate(ctx, keyID, true)
			return err
		},
	}
}

// newStack returns a stack with a user who may do what agent keys need, and nothing else.
func newStack(t *testing.T) *fakestack.Stack {
	t.Helper()
	stack, err := fakestack.Start(t.Context(), fakestack.Options{Username: "elastic", Password: "changeme"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	if err := stack.SeedAgentKeyUser(t.Context(), username, password); err != nil {
		t.Fatal(err)
	}
	return stack
}

// seed creates a key of the user, as Kibana does unless the body is changed.
func seed(t *testing.T, stack *fakestack.Stack, changes map[string]any) fakestack.APIKey {
	t.Helper()
	body := map[string]any{
		"name": "checkout", "metadata": map[string]any{"application": "apm"},
		"role_descriptors": map[string]any{"apm": map[string]any{
			"cluster": []string{}, "index": []string{},
			"applications": []any{map[string]any{"application": "apm", "privileges": []string{"event:write"}, "resources": []string{"*"}}},
		}},
	}
	maps.Copy(body, changes)
	key, err := stack.CreateAPIKey(t.Context(), fakestack.Credentials{Username: username, Password: password}, body)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// mustFail checks that the error is of a kind.
func mustFail(t *testing.T, err, kind error) {
	t.Helper()
	_ = transporttest.FailureOf(t, err, kind)
}
