package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// config returns the configuration of a key with both privileges.
func config(name string) map[string]any {
	return map[string]any{"name": name, "privileges": []string{"config_agent:read", "event:write"}}
}

// succeed fails the test on an error among the diagnostics.
func succeed(t *testing.T, diagnostics acctest.Diagnostics) {
	t.Helper()
	if errors := diagnostics.Errors(); len(errors) > 0 {
		t.Fatalf("unexpected errors:\n%s", errors)
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

func TestAccAgentKey_isCreatedByOneRequestReadByOneAndRevokedByOne(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)

	succeed(t, core.Run(config("checkout")))
	want := []string{"POST /api/apm/agent_keys", "POST /_security/_query/api_key"}
	if diff := cmp.Diff(want, w.Sent()); diff != "" {
		t.Errorf("requests of the creation (-want +got):\n%s", diff)
	}
	if live := w.LiveKeys(t); !slices.Equal(live, []string{core.State()["id"].(string)}) {
		t.Errorf("live keys: %v", live)
	}

	plan := core.Plan(config("checkout"))
	succeed(t, plan.Diagnostics)
	if plan.Action != acctest.NoOp {
		t.Errorf("an unchanged configuration plans %s", plan.Action)
	}
	if diff := cmp.Diff([]string{"POST /_security/_query/api_key"}, w.Sent()); diff != "" {
		t.Errorf("requests of an unchanged plan (-want +got):\n%s", diff)
	}

	succeed(t, core.Destroy())
	want = []string{"POST /_security/_query/api_key", "DELETE /_security/api_key"}
	if diff := cmp.Diff(want, w.Sent()); diff != "" {
		t.Errorf("requests of the refresh and the destruction (-want +got):\n%s", diff)
	}
	if live := w.LiveKeys(t); len(live) > 0 || core.State() != nil {
		t.Errorf("after the destruction there are %v live, and a state: %t", live, core.State() != nil)
	}
}
