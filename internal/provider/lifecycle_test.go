package provider_test

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

func TestAccAgentKey_isCreatedByOneRequestReadByOneAndRevokedByOne(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)

	silent(t, core.Run(config("checkout")))
	want := []string{"POST /api/apm/agent_keys", "POST /_security/_query/api_key"}
	if diff := cmp.Diff(want, w.Sent()); diff != "" {
		t.Errorf("requests of the creation (-want +got):\n%s", diff)
	}
	onlyAlive(t, w, idOf(t, core))

	plan := core.Plan(config("checkout"))
	planned(t, plan, acctest.NoOp)
	silent(t, plan.Diagnostics)
	if diff := cmp.Diff([]string{"POST /_security/_query/api_key"}, w.Sent()); diff != "" {
		t.Errorf("requests of an unchanged plan (-want +got):\n%s", diff)
	}

	silent(t, core.Destroy())
	want = []string{"POST /_security/_query/api_key", "DELETE /_security/api_key"}
	if diff := cmp.Diff(want, w.Sent()); diff != "" {
		t.Errorf("requests of the refresh and the destruction (-want +got):\n%s", diff)
	}
	onlyAlive(t, w)
	if core.State() != nil {
		t.Error("there is still a state after the destruction")
	}
}

func TestAccAgentKey_stateHoldsWhatTheServerDoes(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))

	key, err := w.Key(t.Context(), id)
	if err != nil {
		t.Fatalf("asking for the key: %s", err)
	}
	state := core.State()
	want := map[string]any{
		"id": key.ID, "name": "checkout", "privileges": []any{"config_agent:read", "event:write"}, "expiration": nil,
		"creation": key.Creation.UTC().Format("2006-01-02T15:04:05.000Z"), "username": w.Username, "realm": "default_native",
	}
	for name, value := range want {
		if diff := cmp.Diff(value, state[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if key.Name != "checkout" || key.Username != w.Username || !slices.Equal(slices.Sorted(slices.Values(key.Privileges)), []string{"config_agent:read", "event:write"}) {
		t.Errorf("the server holds another key: %q of %s with %v", key.Name, key.Username, key.Privileges)
	}
	secret, _ := state["api_key"].(string)
	if secret == "" || encodedOf(t, core) != base64.StdEncoding.EncodeToString([]byte(id+":"+secret)) {
		t.Error("encoded is not base64 of id:api_key")
	}
	if !w.Authenticates(t.Context(), encodedOf(t, core)) {
		t.Error("the key does not authenticate")
	}
}

func TestAccAgentKey_hasThePrivilegesAskedForAndNoOther(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	create(t, core, map[string]any{"name": "ingest-only", "privileges": []string{"event:write"}})

	got, err := w.HasPrivileges(t.Context(), encodedOf(t, core), "event:write", "config_agent:read", "sourcemap:write")
	if err != nil {
		t.Fatalf("asking for the key's privileges: %s", err)
	}
	want := map[string]bool{"event:write": true, "config_agent:read": false, "sourcemap:write": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("privileges (-want +got):\n%s", diff)
	}
}

func TestAccAgentKey_whereThereIsNoKeyNothingIsSent(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)

	silent(t, core.Configure())
	silent(t, core.Refresh())
	plan := core.Plan(config("checkout"))
	planned(t, plan, acctest.Create)
	planned(t, core.Plan(nil), acctest.NoOp)
	silent(t, core.Destroy())
	for product, front := range map[string]*fakestack.Front{"Kibana": w.Stack.Kibana, "Elasticsearch": w.Stack.Elasticsearch} {
		if requests := front.Requests(); len(requests) > 0 {
			t.Errorf("%s was sent %d requests, first %s %s", product, len(requests), requests[0].Method, requests[0].Path)
		}
	}
}

func TestAccAgentKey_aChangedNameReplacesTheKey(t *testing.T) {
	t.Parallel()
	for _, createBeforeDestroy := range []bool{false, true} {
		name := map[bool]string{false: "destroyed first", true: "created first"}[createBeforeDestroy]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			core.CreateBeforeDestroy = createBeforeDestroy
			old := create(t, core, config("old"))
			oldEncoded := encodedOf(t, core)

			plan := core.Plan(config("new"))
			planned(t, plan, acctest.Replace)
			if !slices.Equal(plan.RequiresReplace, []string{`AttributeName("name")`}) {
				t.Errorf("replaced because of %v", plan.RequiresReplace)
			}
			w.Sent()
			// When the create arrives, is the old key still alive?
			alive := make(chan bool, 1)
			inject(t, w.Stack.Kibana, fakestack.Hook(func(*http.Request) {
				alive <- w.Authenticates(context.Background(), oldEncoded)
			}))
			silent(t, core.Apply(plan))
			select {
			case got := <-alive:
				if got != createBeforeDestroy {
					t.Errorf("the old key was alive when the new one was created: %t", got)
				}
			default:
				t.Error("no new key was created")
			}
			if diff := cmp.Diff([]string{"POST " + createRoute, "POST " + queryRoute, "DELETE " + keyRoute}, sorted(w.Sent())); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if idOf(t, core) == old || !w.Authenticates(t.Context(), encodedOf(t, core)) {
				t.Error("there is no new key that authenticates")
			}
			onlyAlive(t, w, idOf(t, core))
			if !isRevoked(t, w, old) {
				t.Error("the old key is not revoked")
			}
			planned(t, core.Plan(config("new")), acctest.NoOp)
		})
	}
}

// sorted puts requests into the order creation, query, revocation, whatever the order in which they were sent.
func sorted(sent []string) []string {
	rank := func(request string) int {
		return slices.Index([]string{"POST " + createRoute, "POST " + queryRoute, "DELETE " + keyRoute}, request)
	}
	slices.SortFunc(sent, func(a, b string) int { return rank(a) - rank(b) })
	return sent
}

func TestAccAgentKey_theOrderOfPrivilegesMeansNothing(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	create(t, core, config("checkout"))
	planned(t, core.Plan(map[string]any{"name": "checkout", "privileges": []string{"event:write", "config_agent:read"}}), acctest.NoOp)
}

func TestAccAgentKey_changedTimeoutsChangeNothingOnTheServer(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	w.Sent()

	changed := config("checkout")
	changed["timeouts"] = map[string]any{"create": "1m", "read": "1m", "delete": "1m"}
	plan := core.Plan(changed)
	planned(t, plan, acctest.Update)
	silent(t, core.Apply(plan))
	if diff := cmp.Diff([]string{"POST " + queryRoute}, w.Sent()); diff != "" {
		t.Errorf("requests of plan and apply (-want +got):\n%s", diff)
	}
	if idOf(t, core) != id {
		t.Error("the key was replaced")
	}
	planned(t, core.Plan(changed), acctest.NoOp)
}

func TestAccAgentKey_takesEveryNameThatElasticsearchTakes(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	names := map[string]string{
		"256 characters": strings.Repeat("é", 256), "128 emoji": strings.Repeat("😀", 128), "odd characters inside": "a\n\t*b \"${c}",
	}
	for what, name := range names {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			core := w.Core(t, nil)
			id := create(t, core, config(name))
			key, err := w.Key(t.Context(), id)
			if err != nil || key.Name != name {
				t.Errorf("the key on the server is named %q: %v", key.Name, err)
			}
			planned(t, core.Plan(config(name)), acctest.NoOp)
			succeed(t, core.Destroy())
		})
	}
}

func TestAgentKey_refusesWhatElasticsearchWouldRefuse(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	name := func(name string) map[string]any { return map[string]any{"name": name} }
	privileges := func(privileges ...string) map[string]any {
		return map[string]any{"privileges": append([]string{}, privileges...)}
	}
	for what, test := range map[string]struct {
		change    map[string]any
		attribute string
		texts     []string
	}{
		"empty name":                 {name(""), "name", []string{"must not be empty"}},
		"leading underscore":         {name("_x"), "name", []string{"begin with an underscore"}},
		"leading blank":              {name(" x"), "name", []string{"begin or end with a blank"}},
		"trailing line break":        {name("x\n"), "name", []string{"begin or end with a blank"}},
		"257 characters":             {name(strings.Repeat("x", 257)), "name", []string{"256 characters"}},
		"129 emoji":                  {name(strings.Repeat("😀", 129)), "name", []string{"256 characters", "counts twice"}},
		"no privilege":               {privileges(), "privileges", []string{"at least 1"}},
		"privilege of older Kibanas": {privileges("sourcemap:write"), "privileges[...]", []string{"config_agent:read", "event:write"}},
		"misspelt privilege":         {privileges("event:write", "event:read"), "privileges[...]", []string{"event:read", "event:write"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			refusedConfig := config("checkout")
			maps.Copy(refusedConfig, test.change)
			diagnostics := w.Core(t, nil).Plan(refusedConfig).Diagnostics
			if len(diagnostics.Errors()) != 1 || attributeOf(diagnostics[0]) != test.attribute {
				t.Fatalf("not one error about %s:\n%s", test.attribute, diagnostics)
			}
			mention(t, diagnostics, test.texts...)
		})
	}
	t.Cleanup(func() {
		if sent := w.Sent(); len(sent) > 0 {
			t.Errorf("requests were sent: %v", sent)
		}
	})
}

func TestAgentKey_refusesATimeoutOfNothing(t *testing.T) {
	t.Parallel()
	core := acctest.New(t).Core(t, nil)
	for _, operation := range []string{"create", "read", "update", "delete"} {
		for _, timeout := range []string{"0s", "-5m"} {
			plan := core.Plan(adding(config("checkout"), "timeouts", map[string]any{operation: timeout}))
			told(t, plan.Diagnostics, "timeouts."+operation, "Invalid timeout", "longer than nothing")
		}
	}
}

func TestAccAgentKey_manyAreManagedAtOnce(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	var wait sync.WaitGroup
	cores := make([]*acctest.Core, 10)
	results := make([]acctest.Diagnostics, len(cores))
	for i := range cores {
		cores[i] = w.Core(t, nil)
		wait.Go(func() { results[i] = cores[i].Run(config("checkout-" + strconv.Itoa(i))) })
	}
	wait.Wait()
	var ids []string
	for i, core := range cores {
		silent(t, results[i])
		ids = append(ids, idOf(t, core))
	}
	onlyAlive(t, w, ids...)
	for i, core := range cores {
		wait.Go(func() { results[i] = core.Destroy() })
	}
	wait.Wait()
	for _, result := range results {
		silent(t, result)
	}
	onlyAlive(t, w)
}

func TestAccAgentKey_requestsEndWhenTheRequestTimeoutIsOver(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))

	provider := w.ProviderConfig(w.BasicAuth(), nil)
	// A request to a server under load may take a second or two to arrive at all.
	provider["request_timeout"] = "3s"
	core.SetProvider(provider)
	remove := inject(t, w.Stack.Elasticsearch, fakestack.Hang().On(toQuery))
	w.Sent()
	started := time.Now()
	told(t, core.Refresh(), "", "Unable to read APM agent key", "timed out", "raise request_timeout of the provider")
	// With the default of 30 seconds four requests take two minutes.
	if took := time.Since(started); took < 3*time.Second || took > time.Minute {
		t.Errorf("the refresh took %s", took)
	}
	if sent := len(w.Sent()); sent < 2 || sent > 4 {
		t.Errorf("the read was sent %d times", sent)
	}

	remove()
	core.SetProvider(w.ProviderConfig(w.BasicAuth(), nil))
	silent(t, core.Refresh())
	if idOf(t, core) != id {
		t.Error("the key has left the state")
	}
}

// An interrupt that comes while Kibana makes a key must neither lose its secret nor leave it without the end that it is to
// have: nobody would come back for it.
func TestAccAgentKey_anInterruptDoesNotCutACreationThatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "90d")
	plan := core.Plan(configuration)
	planned(t, plan, acctest.Create)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	inject(t, w.Stack.Kibana, fakestack.Hook(func(*http.Request) { interrupt() }).On(toCreate))

	silent(t, core.ApplyContext(ctx, plan))
	if ctx.Err() == nil {
		t.Fatal("the creation was not interrupted")
	}
	id := idOf(t, core)
	onlyAlive(t, w, id)
	lives(t, lifeOf(t, w, id), 90*day)
	if !w.Authenticates(t.Context(), encodedOf(t, core)) {
		t.Error("the key does not authenticate")
	}
	state := core.State()
	for _, fact := range []string{"creation", "expiration", "username", "realm"} {
		if state[fact] == nil {
			t.Errorf("the state does not tell %s", fact)
		}
	}
	// Terraform replaces a key whose creation has ended with an error.
	planned(t, core.Plan(configuration), acctest.NoOp)
}
