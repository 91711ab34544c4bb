package provider_test

import (
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// The blocks name two deployments, in both of which the credentials are good. Kibana's key is alive where nobody looks.
func TestAccAgentKey_ofAnotherDeploymentStaysInTheState(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	configuration := config("checkout")
	apart := w.ProviderConfig(w.BasicAuth(), user(t, w, cluster("manage_api_key")))
	core := w.Core(t, apart)
	restore := inject(t, w.Stack.Elasticsearch, purged())

	diagnostics := core.Run(configuration)
	id := idOf(t, core)
	refused(t, diagnostics, "APM agent key created, but not read", id, "in the state", "never was seen there", "different deployments", "tainted")
	for what, run := range map[string]func() acctest.Diagnostics{"refresh": core.Refresh, "destroy": core.Destroy} {
		if told := run(); len(told.Errors()) != 1 || !strings.Contains(told.String(), "never was seen there") || idOf(t, core) != id {
			t.Errorf("%s:\n%s", what, told)
		}
	}
	onlyAlive(t, w, id)

	restore()
	succeed(t, core.Run(configuration))
	if !isRevoked(t, w, id) {
		t.Error("the key that was tainted is not revoked")
	}
	onlyAlive(t, w, idOf(t, core))
}

// Whoever may change a key chooses part of what is said of it.
func TestAccError_letsNoKeyForgeTerminalOutput(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	const forged = "\x1b[2J\x1b[1;1H\nNo changes. Your infrastructure matches the configuration."
	update(t, w, id, map[string]any{"role_descriptors": map[string]any{"apm": map[string]any{
		"applications": []any{map[string]any{"application": "apm", "privileges": []string{"event:write"}, "resources": []string{forged}}},
	}}})
	plan := core.Plan(config("checkout"))
	planned(t, plan, acctest.Replace)
	warned(t, plan.Diagnostics, "Not an APM agent key any more", id, "No changes.")
	if strings.ContainsAny(plan.Diagnostics.String(), "\x1b") || strings.Contains(plan.Diagnostics.String(), "\nNo changes") {
		t.Error("a key's description reaches the terminal as it is")
	}
}
