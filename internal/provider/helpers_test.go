package provider_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

const (
	createRoute = "/api/apm/agent_keys"
	queryRoute  = "/_security/_query/api_key"
	keyRoute    = "/_security/api_key"
	whoRoute    = "/_security/_authenticate"
	mayRoute    = "/_security/user/_has_privileges"
)

// toQuery matches the request that reads keys, and toRevoke the one that revokes them.
var (
	toQuery  = fakestack.To("POST", queryRoute)
	toRevoke = fakestack.To("DELETE", keyRoute)
)

// config returns the configuration of a key with both privileges.
func config(name string) map[string]any {
	return map[string]any{"name": name, "privileges": []string{"config_agent:read", "event:write"}}
}

// succeed fails the test on an error among the diagnostics.
func succeed(t *testing.T, diagnostics acctest.Diagnostics) {
	t.Helper()
	if errs := diagnostics.Errors(); len(errs) > 0 {
		t.Fatalf("unexpected errors:\n%s", errs)
	}
}

// silent fails the test on any diagnostic, warnings included.
func silent(t *testing.T, diagnostics acctest.Diagnostics) {
	t.Helper()
	if len(diagnostics) > 0 {
		t.Fatalf("unexpected diagnostics:\n%s", diagnostics)
	}
}

// mention fails the test unless the diagnostics hold every text.
func mention(t *testing.T, diagnostics acctest.Diagnostics, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(diagnostics.String(), text) {
			t.Errorf("%q is missing in:\n%s", text, diagnostics)
		}
	}
}

// refused fails the test unless there is exactly one error, with the summary, and it holds every text.
func refused(t *testing.T, diagnostics acctest.Diagnostics, summary string, texts ...string) {
	t.Helper()
	told(t, diagnostics.Errors(), "", summary, texts...)
}

// warned fails the test unless there are no errors and exactly one warning, with the summary, and it holds every text.
func warned(t *testing.T, diagnostics acctest.Diagnostics, summary string, texts ...string) {
	t.Helper()
	succeed(t, diagnostics)
	told(t, diagnostics, "", summary, texts...)
}

// told fails the test unless there is exactly one diagnostic, about the attribute ("" for none), with the summary, and it
// holds every text.
func told(t *testing.T, diagnostics acctest.Diagnostics, attribute, summary string, texts ...string) {
	t.Helper()
	if len(diagnostics) != 1 {
		t.Fatalf("%d diagnostics instead of one, %q:\n%s", len(diagnostics), summary, diagnostics)
	}
	if got := attributeOf(diagnostics[0]); got != attribute {
		t.Errorf("the diagnostic is about %q instead of %q", got, attribute)
	}
	if got := idAtEnd.ReplaceAllString(diagnostics[0].Summary, ""); got != summary {
		t.Errorf("the summary is %q instead of %q", got, summary)
	}
	mention(t, diagnostics, texts...)
}

// idAtEnd is what makes the summaries of warnings about several keys different.
var idAtEnd = regexp.MustCompile(`: [A-Za-z0-9_-]{20}$`)

// attributeOf returns the attribute that a diagnostic is about, such as "kibana.endpoint".
func attributeOf(diagnostic *tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, step := range diagnostic.Attribute.Steps() {
		switch step := step.(type) {
		case tftypes.AttributeName:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(step))
		case tftypes.ElementKeyInt:
			b.WriteString("[" + strconv.FormatInt(int64(step), 10) + "]")
		case tftypes.ElementKeyValue:
			b.WriteString("[...]")
		}
	}
	return b.String()
}

// create applies the configuration of a new key, and returns its id.
func create(t *testing.T, core *acctest.Core, config map[string]any) string {
	t.Helper()
	succeed(t, core.Run(config))
	return idOf(t, core)
}

// idOf returns the id in the state.
func idOf(t *testing.T, core *acctest.Core) string {
	t.Helper()
	id, ok := core.State()["id"].(string)
	if !ok || id == "" {
		t.Fatal("there is no id in the state")
	}
	return id
}

// encodedOf returns the encoded key in the state.
func encodedOf(t *testing.T, core *acctest.Core) string {
	t.Helper()
	encoded, ok := core.State()["encoded"].(string)
	if !ok || encoded == "" {
		t.Fatal("there is no encoded key in the state")
	}
	return encoded
}

// onlyAlive fails the test unless these are the world's live keys, and no others.
func onlyAlive(t *testing.T, w *acctest.World, ids ...string) {
	t.Helper()
	live := w.LiveKeys(t)
	slices.Sort(live)
	slices.Sort(ids)
	if !slices.Equal(live, ids) {
		t.Errorf("live keys are %v instead of %v", live, ids)
	}
}

// planned fails the test unless the plan is good and does this.
func planned(t *testing.T, plan *acctest.Plan, action acctest.Action) {
	t.Helper()
	succeed(t, plan.Diagnostics)
	if plan.Action != action {
		t.Errorf("the plan is to %s instead of to %s", plan.Action, action)
	}
}

// inject puts a fault in place until the end of the test or the returned call.
func inject(t *testing.T, front *fakestack.Front, fault fakestack.Fault) (remove func()) {
	t.Helper()
	remove = front.Inject(fault)
	t.Cleanup(remove)
	return remove
}

// purged makes every query answer as if Elasticsearch had no such key any more, which takes it a week in reality.
func purged() fakestack.Fault {
	return fakestack.RewriteBody(func(body map[string]any) {
		body["total"], body["count"], body["api_keys"] = 0, 0, []any{}
	}).On(toQuery)
}

// update changes a key as the world's user.
func update(t *testing.T, w *acctest.World, id string, body map[string]any) {
	t.Helper()
	if err := w.Update(t.Context(), fakestack.Credentials{Username: w.Username, Password: w.Password}, id, body); err != nil {
		t.Fatalf("changing the key: %s", err)
	}
}

// expire lets a key expire at once.
func expire(t *testing.T, w *acctest.World, id string) {
	t.Helper()
	update(t, w, id, map[string]any{"expiration": "1ms"})
	// In memory no time has passed; on a real server the update has taken longer than that.
	w.Clock.Advance(1e9)
}

// revoke ends a key behind Terraform's back.
func revoke(t *testing.T, w *acctest.World, id string) {
	t.Helper()
	if err := w.Invalidate(t.Context(), id); err != nil {
		t.Fatalf("revoking the key: %s", err)
	}
}

// isRevoked reports what the server says of the key.
func isRevoked(t *testing.T, w *acctest.World, id string) bool {
	t.Helper()
	key, err := w.Key(t.Context(), id)
	if err != nil {
		t.Fatalf("asking for the key: %s", err)
	}
	return key.Invalidated
}

// user creates a user and returns the attributes of a block for him.
func user(t *testing.T, w *acctest.World, role fakestack.Role) map[string]any {
	t.Helper()
	username, password := acctest.Unique("user"), rand.Text()
	w.User(t, username, password, role)
	return map[string]any{"username": username, "password": password}
}

// cluster returns a role with cluster privileges.
func cluster(privileges ...string) fakestack.Role { return fakestack.Role{Cluster: privileges} }

// superuser creates a superuser and returns the attributes of a block for him.
func superuser(t *testing.T, w *acctest.World) map[string]any {
	t.Helper()
	username, password := acctest.Unique("superuser"), rand.Text()
	if err := w.SeedUser(t.Context(), username, password, "superuser"); err != nil {
		t.Fatalf("creating a superuser: %s", err)
	}
	return map[string]any{"username": username, "password": password}
}

// credentialsOf returns the credentials of a block with basic authentication.
func credentialsOf(block map[string]any) fakestack.Credentials {
	return fakestack.Credentials{Username: block["username"].(string), Password: block["password"].(string)}
}

// apiKey creates an API key of owner that is no agent key and has these cluster privileges, as far as its owner has them.
// Without any it has all privileges of its owner.
func apiKey(t *testing.T, w *acctest.World, owner map[string]any, privileges ...string) fakestack.APIKey {
	t.Helper()
	body := map[string]any{"name": acctest.Unique("other")}
	if len(privileges) > 0 {
		body["role_descriptors"] = map[string]any{"terraform": map[string]any{"cluster": privileges}}
	}
	key, err := w.CreateAPIKey(t.Context(), credentialsOf(owner), body)
	if err != nil {
		t.Fatalf("creating an API key: %s", err)
	}
	return key
}

// ownerFlags returns the owner flag of each request to revoke since the last reset of the log.
func ownerFlags(t *testing.T, w *acctest.World) []bool {
	t.Helper()
	var flags []bool
	for _, request := range w.Stack.Elasticsearch.Requests() {
		if request.Method != http.MethodDelete || request.Path != keyRoute {
			continue
		}
		var body struct {
			Owner *bool `json:"owner"`
		}
		if err := json.Unmarshal(request.Body, &body); err != nil || body.Owner == nil {
			t.Fatalf("a request to revoke has no owner flag: %v", err)
		}
		flags = append(flags, *body.Owner)
	}
	return flags
}

// askedOnce fails the test unless Kibana was asked for a key exactly once since the last reset of the log: what is refused
// is not tried again.
func askedOnce(t *testing.T, w *acctest.World) {
	t.Helper()
	asked := 0
	for _, request := range w.Stack.Kibana.Requests() {
		if request.Method == http.MethodPost && strings.HasSuffix(request.Path, createRoute) {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("Kibana was asked for a key %d times", asked)
	}
}

// closedPort is a URL on which nobody listens. A port that was free a moment ago may be another test's by now.
const closedPort = "http://127.0.0.1:1"
