package agentkey_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/elasticsearch"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/kibana"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

const (
	creator  = "creator"
	password = "pa55word-0f-everybody"
)

var spec = agentkey.Spec{Name: "checkout", Privileges: []string{"event:write", "config_agent:read"}}

// machineClock is the clock of the machine that the service runs on. Waiting moves it and the server's on.
type machineClock struct {
	server *fakestack.Clock
	// ahead is how far this clock is ahead of the server's.
	ahead time.Duration
	// sleeping, when set, is called when a pause begins.
	sleeping func()
}

var _ clock.Clock = (*machineClock)(nil)

// Now implements clock.Clock.
func (c *machineClock) Now() time.Time { return c.server.Now().Add(c.ahead) }

// Sleep implements clock.Clock.
func (c *machineClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.sleeping != nil {
		c.sleeping()
	}
	c.server.Advance(d)
	return ctx.Err()
}

// world is an in-memory stack with one user of every kind, all with the same password.
type world struct {
	*fakestack.Stack

	clock *machineClock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := fakestack.NewClock(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))
	stack, err := fakestack.Start(t.Context(), fakestack.Options{Clock: server, Username: "elastic", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	w := &world{Stack: stack, clock: &machineClock{server: server}}
	for name, role := range map[string]fakestack.Role{
		creator: fakestack.AgentKeyRole(), "another": fakestack.AgentKeyRole(), "manager": {Cluster: []string{"manage_api_key"}},
		"reader": {Cluster: []string{"read_security"}}, "nobody": {},
	} {
		must(t, stack.SeedRole(t.Context(), name, role))
		must(t, stack.SeedUser(t.Context(), name, password, name))
	}
	return w
}

// callers are all kinds of credentials for Elasticsearch by their name.
func (w *world) caller(t *testing.T, name string) credential.Credential {
	t.Helper()
	switch name {
	case "token of the creator", "token of the manager":
		user := map[string]string{"token of the creator": creator, "token of the manager": "manager"}[name]
		token, err := w.SeedToken(t.Context(), user, password)
		must(t, err)
		return credential.NewBearer(secret.New(token))
	case "API key of the manager":
		key, err := w.CreateAPIKey(t.Context(), fakestack.Credentials{Username: "manager", Password: password}, map[string]any{"name": "manage"})
		must(t, err)
		return credential.NewAPIKey(secret.New(key.Encoded))
	case "API key of the creator":
		key, err := w.CreateAPIKey(t.Context(), fakestack.Credentials{Username: creator, Password: password}, map[string]any{"name": "own"})
		must(t, err)
		return credential.NewAPIKey(secret.New(key.Encoded))
	}
	return credential.NewBasic(name, secret.New(password))
}

// service returns a service whose creator is the least privileged user, and which reads and revokes as the caller.
func (w *world) service(t *testing.T, caller string) *agentkey.Service {
	t.Helper()
	config := func(endpoint string, c credential.Credential) transport.Config {
		u, err := url.Parse(endpoint)
		must(t, err)
		return transport.Config{URLs: []*url.URL{u}, Credential: c, Clock: w.clock}
	}
	owner := credential.NewBasic(creator, secret.New(password))
	creating, err := kibana.New(config(w.KibanaURL(), owner), "")
	must(t, err)
	manager, err := elasticsearch.New(config(w.ElasticsearchURL(), w.caller(t, caller)))
	must(t, err)
	return agentkey.NewService(creating, manager.As(owner), manager, w.clock)
}

// seed creates a key of the creator past the service, as Kibana would make it but for the changes.
func (w *world) seed(t *testing.T, changes map[string]any) (agentkey.Ref, fakestack.APIKey) {
	t.Helper()
	return w.seedAs(t, creator, changes)
}

func (w *world) seedAs(t *testing.T, username string, changes map[string]any) (agentkey.Ref, fakestack.APIKey) {
	t.Helper()
	body := map[string]any{"name": spec.Name, "metadata": map[string]any{"application": "apm"}, "role_descriptors": descriptors(spec.Privileges...)}
	maps.Copy(body, changes)
	key, err := w.CreateAPIKey(t.Context(), fakestack.Credentials{Username: username, Password: password}, body)
	must(t, err)
	w.forget()
	realm := "default_native"
	if username == "elastic" {
		realm = "default_file"
	}
	return agentkey.Ref{ID: key.ID, Username: username, Realm: realm}, key
}

func descriptors(privileges ...string) map[string]any {
	return map[string]any{"apm": map[string]any{
		"cluster": []string{}, "index": []string{},
		"applications": []any{map[string]any{"application": "apm", "privileges": privileges, "resources": []string{"*"}}},
	}}
}

// forget empties the request logs.
func (w *world) forget() {
	w.Kibana.ResetRequests()
	w.Elasticsearch.ResetRequests()
}

// mustSend checks the requests since the last forget: those to Kibana, and those to Elasticsearch.
func (w *world) mustSend(t *testing.T, toKibana, toElasticsearch int) {
	t.Helper()
	if got := len(w.Kibana.Requests()); got != toKibana {
		t.Errorf("%d requests were sent to Kibana, want %d", got, toKibana)
	}
	if got := w.Elasticsearch.Requests(); len(got) != toElasticsearch {
		t.Errorf("%d requests were sent to Elasticsearch, want %d", len(got), toElasticsearch)
		for _, request := range got {
			t.Logf("%s %s", request.Method, request.Path)
		}
	}
}

// mustLive checks on the server whether a key lives.
func (w *world) mustLive(t *testing.T, key fakestack.APIKey, want bool) {
	t.Helper()
	if got := w.Authenticates(t.Context(), key.Encoded); got != want {
		t.Errorf("the key authenticates: %t, want %t", got, want)
	}
}

// ids returns the ids of the agent keys that the server holds.
func (w *world) ids(t *testing.T) []string {
	t.Helper()
	keys, err := w.Keys(t.Context())
	must(t, err)
	var ids []string
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	slices.Sort(ids)
	return ids
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustBe returns the error of type E that err is.
func mustBe[E error](t *testing.T, err error) E {
	t.Helper()
	var found E
	if !errors.As(err, &found) {
		t.Fatalf("got %v, want a %T", err, found)
	}
	return found
}
