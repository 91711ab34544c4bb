package provider_test

import (
	"maps"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// unknownIn returns the world's provider configuration with one attribute of a block unknown.
func unknownIn(w *acctest.World, block, attribute string) map[string]any {
	provider := w.ProviderConfig(w.BasicAuth(), nil)
	changed := maps.Clone(provider[block].(map[string]any))
	changed[attribute] = acctest.Unknown
	provider[block] = changed
	return provider
}

func TestAccProvider_whatIsUnknownWhilePlanningWorksOnApply(t *testing.T) {
	t.Parallel()
	for what, provider := range map[string]func(w *acctest.World) map[string]any{
		"Kibana's endpoint": func(w *acctest.World) map[string]any { return unknownIn(w, "kibana", "endpoint") },
		"Kibana's password": func(w *acctest.World) map[string]any { return unknownIn(w, "kibana", "password") },
		"a CA":              func(w *acctest.World) map[string]any { return unknownIn(w, "kibana", "ca_data") },
		"insecure":          func(w *acctest.World) map[string]any { return unknownIn(w, "elasticsearch", "insecure") },
		"the endpoints":     func(w *acctest.World) map[string]any { return unknownIn(w, "elasticsearch", "endpoints") },
		"one endpoint": func(w *acctest.World) map[string]any {
			provider := w.ProviderConfig(w.BasicAuth(), nil)
			provider["elasticsearch"] = map[string]any{"endpoints": []any{acctest.Unknown}}
			return provider
		},
		"the Cloud ID": func(*acctest.World) map[string]any { return map[string]any{"cloud_id": acctest.Unknown} },
		"whole blocks": func(*acctest.World) map[string]any {
			return map[string]any{"kibana": acctest.Unknown, "elasticsearch": acctest.Unknown}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, provider(w))
			plan := core.Plan(config("checkout"))
			silent(t, plan.Diagnostics)
			planned(t, plan, acctest.Create)
			if sent := w.Sent(); len(sent) > 0 {
				t.Errorf("the plan sent %v", sent)
			}
			core.SetProvider(w.ProviderConfig(w.BasicAuth(), nil))
			silent(t, core.Apply(plan))
			onlyAlive(t, w, idOf(t, core))
			planned(t, core.Plan(config("checkout")), acctest.NoOp)
		})
	}
}

func TestAccProvider_whatIsUnknownWhileAKeyMustBeReadIsNamed(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	w.Sent()
	for _, at := range [][2]string{{"kibana", "endpoint"}, {"elasticsearch", "password"}} {
		core.SetProvider(unknownIn(w, at[0], at[1]))
		for _, diagnostics := range []acctest.Diagnostics{core.Refresh(), core.Plan(config("checkout")).Diagnostics, core.Destroy()} {
			refused(t, diagnostics, "Provider configuration not known yet", at[0]+"."+at[1], "-target")
		}
		refused(t, w.Core(t, unknownIn(w, at[0], at[1])).Import(id), "Provider configuration not known yet", at[0]+"."+at[1])
	}
	if sent := w.Sent(); len(sent) > 0 {
		t.Errorf("requests were sent: %v", sent)
	}
	if idOf(t, core) != id {
		t.Error("the key has left the state")
	}
	onlyAlive(t, w, id)
}

func TestAccAgentKey_unknownArgumentsPlanAndApply(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	plan := core.Plan(map[string]any{"name": acctest.Unknown, "privileges": acctest.Unknown})
	silent(t, plan.Diagnostics)
	planned(t, plan, acctest.Create)
	silent(t, core.ApplyResolved(plan, config("checkout")))
	if core.State()["name"] != "checkout" {
		t.Errorf("the key is named %v", core.State()["name"])
	}
	onlyAlive(t, w, idOf(t, core))

	old := idOf(t, core)
	plan = core.Plan(map[string]any{"name": acctest.Unknown, "privileges": []string{"event:write"}})
	planned(t, plan, acctest.Replace)
	silent(t, core.ApplyResolved(plan, map[string]any{"name": "payment", "privileges": []string{"event:write"}}))
	if idOf(t, core) == old || core.State()["name"] != "payment" {
		t.Error("the key was not replaced")
	}
	onlyAlive(t, w, idOf(t, core))
}
