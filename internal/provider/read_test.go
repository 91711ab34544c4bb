package provider_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

func TestAccAgentKey_aDeadKeyIsReportedAndReplaced(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		// kill ends the key, and returns what brings the server back to normal, if anything.
		kill func(t *testing.T, w *acctest.World, id string) func()
		text string
	}{
		"revoked": {func(t *testing.T, w *acctest.World, id string) func() {
			revoke(t, w, id)
			return func() {}
		}, "was revoked at 2"},
		"expired": {func(t *testing.T, w *acctest.World, id string) func() {
			expire(t, w, id)
			return func() {}
		}, "expired at 2"},
		"purged": {func(t *testing.T, w *acctest.World, id string) func() {
			revoke(t, w, id)
			return inject(t, w.Stack.Elasticsearch, purged())
		}, "does not exist any more"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			old := create(t, core, config("checkout"))
			oldEncoded := encodedOf(t, core)
			restore := test.kill(t, w, old)
			if w.Authenticates(t.Context(), oldEncoded) {
				t.Fatal("the key is not dead")
			}

			plan := core.Plan(config("checkout"))
			planned(t, plan, acctest.Create)
			warned(t, plan.Diagnostics, "APM agent key is gone", "checkout", old, test.text, "outside of this configuration", "creates a new one")
			restore()
			w.Sent()
			silent(t, core.Apply(plan))
			if diff := cmp.Diff([]string{"POST " + createRoute, "POST " + queryRoute}, w.Sent()); diff != "" {
				t.Errorf("requests of the apply (-want +got):\n%s", diff)
			}
			if idOf(t, core) == old || !w.Authenticates(t.Context(), encodedOf(t, core)) {
				t.Error("there is no new key that works")
			}
			onlyAlive(t, w, idOf(t, core))
			planned(t, core.Plan(config("checkout")), acctest.NoOp)
		})
	}
}

func TestAgentKey_aKeyThatExpiredLongAgoIsGone(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	update(t, w, id, map[string]any{"expiration": "1h"})
	planned(t, core.Plan(config("checkout")), acctest.NoOp)
	w.Clock.Advance(48 * time.Hour)
	warned(t, core.Refresh(), "APM agent key is gone", id, "expired at 2")
}

func TestAccAgentKey_aRefreshAloneDropsADeadKeyFromTheState(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	revoke(t, w, id)
	warned(t, core.Refresh(), "APM agent key is gone", id, "was revoked")
	if core.State() != nil {
		t.Error("the dead key is still in the state")
	}
}

func TestAccAgentKey_aPurgedKeyIsGoneForWhoSeesEveryKey(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	for _, privilege := range []string{"manage_api_key", "read_security", "manage_security"} {
		core := w.Core(t, nil)
		id := create(t, core, config("checkout"))
		core.SetProvider(w.ProviderConfig(w.BasicAuth(), user(t, w, cluster(privilege))))
		restore := inject(t, w.Stack.Elasticsearch, purged())
		warned(t, core.Refresh(), "APM agent key is gone", id, "does not exist any more")
		if core.State() != nil {
			t.Errorf("%s: the key is still in the state", privilege)
		}
		restore()
	}
}

func TestAccAgentKey_privilegesChangedOnTheServerShowAsDriftAndAreRestored(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	update(t, w, id, map[string]any{"role_descriptors": map[string]any{"apm": map[string]any{
		"applications": []any{map[string]any{"application": "apm", "privileges": []string{"event:write"}, "resources": []string{"*"}}},
	}}})

	silent(t, core.Refresh())
	if diff := cmp.Diff([]any{"event:write"}, core.State()["privileges"]); diff != "" {
		t.Errorf("privileges in the state (-want +got):\n%s", diff)
	}
	plan := core.Plan(config("checkout"))
	succeed(t, plan.Diagnostics)
	if plan.Action != acctest.Update && plan.Action != acctest.Replace {
		t.Fatalf("the plan is to %s", plan.Action)
	}
	succeed(t, core.Apply(plan))
	got, err := w.HasPrivileges(t.Context(), encodedOf(t, core), "event:write", "config_agent:read")
	if err != nil {
		t.Fatalf("asking for the key's privileges: %s", err)
	}
	if diff := cmp.Diff(map[string]bool{"event:write": true, "config_agent:read": true}, got); diff != "" {
		t.Errorf("privileges on the server (-want +got):\n%s", diff)
	}
	onlyAlive(t, w, idOf(t, core))
	planned(t, core.Plan(config("checkout")), acctest.NoOp)
}

// agentKeyDescriptors are role descriptors of an agent key with more in them.
func agentKeyDescriptors(resource string, more map[string]any) map[string]any {
	descriptor := map[string]any{"applications": []any{map[string]any{
		"application": "apm", "privileges": []string{"config_agent:read", "event:write"}, "resources": []string{resource},
	}}}
	maps.Copy(descriptor, more)
	return map[string]any{"role_descriptors": map[string]any{"apm": descriptor}}
}

func TestAccAgentKey_aKeyThatIsNoAgentKeyAnyMoreIsToldPlainlyAndReplaced(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		change map[string]any
		text   string
	}{
		"other metadata":             {map[string]any{"metadata": map[string]any{"application": "fleet"}}, `its metadata.application is "fleet", not "apm"`},
		"no metadata":                {map[string]any{"metadata": map[string]any{}}, `its metadata.application is "", not "apm"`},
		"no role descriptor":         {map[string]any{"role_descriptors": map[string]any{}}, "it has all privileges of its owner"},
		"cluster privileges":         {agentKeyDescriptors("*", map[string]any{"cluster": []string{"monitor"}}), "also grants cluster"},
		"limited to other resources": {agentKeyDescriptors("-", nil), "limited to the resources -"},
		"another application": {map[string]any{"role_descriptors": map[string]any{"x": map[string]any{"applications": []any{map[string]any{
			"application": "other", "privileges": []string{"read"}, "resources": []string{"*"},
		}}}}}, `also grants privileges of the application "other"`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			old := create(t, core, config("checkout"))
			update(t, w, old, test.change)

			plan := core.Plan(config("checkout"))
			planned(t, plan, acctest.Replace)
			warned(t, plan.Diagnostics, "Not an APM agent key any more", "checkout", old, test.text, "The plan replaces it")
			succeed(t, core.Apply(plan))
			if idOf(t, core) == old || !w.Authenticates(t.Context(), encodedOf(t, core)) {
				t.Error("there is no new key that works")
			}
			if !isRevoked(t, w, old) {
				t.Error("the old key is not revoked")
			}
			onlyAlive(t, w, idOf(t, core))
			silent(t, core.Plan(config("checkout")).Diagnostics)
		})
	}
}

func TestAccAgentKey_aNewKeyThatCannotBeReadIsInTheStateAllTheSame(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		fault fakestack.Fault
		texts []string
	}{
		"refused":   {fakestack.Respond(403, jsonType, esError(403, "security_exception", "not for you")), []string{"HTTP 403", "not for you"}},
		"not found": {purged(), []string{"That does not mean that it is gone", "both blocks name the same deployment"}},
		"no answer": {fakestack.Respond(200, jsonType, `{}`), []string{"not a list of API keys"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			restore := inject(t, w.Stack.Elasticsearch, test.fault.On(toQuery))
			plan := core.Plan(config("checkout"))
			diagnostics := core.Apply(plan)
			id := idOf(t, core)
			warned(t, diagnostics, "APM agent key created, but not read", append(test.texts, "checkout", id, "is in the state")...)
			if core.State()["creation"] != nil || core.State()["username"] != nil {
				t.Error("facts that could not be read are in the state")
			}
			if !w.Authenticates(t.Context(), encodedOf(t, core)) {
				t.Error("the key in the state does not authenticate")
			}
			restore()

			next := core.Plan(config("checkout"))
			silent(t, next.Diagnostics)
			planned(t, next, acctest.NoOp)
			silent(t, core.Apply(next))
			if core.State()["username"] != w.Username || core.State()["creation"] == nil {
				t.Error("the next run has not filled in the facts")
			}
			onlyAlive(t, w, id)
		})
	}
}

func TestAccAgentKey_notFoundByWhoCouldNotHaveSeenItKeepsTheState(t *testing.T) {
	t.Parallel()
	for what, caller := range map[string]func(t *testing.T, w *acctest.World) (block map[string]any, name string){
		"another least-privilege user": func(t *testing.T, w *acctest.World) (map[string]any, string) {
			other := user(t, w, fakestack.AgentKeyRole())
			return other, other["username"].(string) + " (realm default_native)"
		},
		"the owner's API key with manage_own_api_key": func(t *testing.T, w *acctest.World) (map[string]any, string) {
			key := apiKey(t, w, w.BasicAuth(), "manage_own_api_key")
			return map[string]any{"api_key": key.Encoded}, "API key " + key.ID + " of " + w.Username
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			id := create(t, core, config("checkout"))
			before := core.State()
			block, name := caller(t, w)
			core.SetProvider(w.ProviderConfig(w.BasicAuth(), block))
			w.Sent()

			texts := []string{
				"checkout", id, "was not found", "does not mean that it is gone", name, w.Username + " (realm default_native)",
				"manage_api_key", "elasticsearch block", "state is kept",
			}
			refused(t, core.Refresh(), "Unable to read APM agent key", texts...)
			if diff := cmp.Diff([]string{"POST " + queryRoute, "POST " + mayRoute, "GET " + whoRoute}, w.Sent()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			refused(t, core.Plan(config("checkout")).Diagnostics, "Unable to read APM agent key", texts...)
			refused(t, core.Destroy(), "Unable to read APM agent key", texts...)
			if !cmp.Equal(before, core.State()) {
				t.Error("the state has changed")
			}
			onlyAlive(t, w, id)
		})
	}
}

func TestAccAgentKey_whoCannotReadKeysAtAllIsToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	core.SetProvider(w.ProviderConfig(w.BasicAuth(), user(t, w, cluster("monitor"))))
	refused(t, core.Refresh(), "Unable to read APM agent key", "checkout", "HTTP 403", "is unauthorized for user", "manage_own_api_key", "manage_api_key")
	if idOf(t, core) != id {
		t.Error("the key has left the state")
	}
}
