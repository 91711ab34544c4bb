package provider_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// TestAccState_ofEarlierVersionsIsReadWithoutAReplacement takes a state that knows nothing of expiry and rotation.
func TestAccState_ofEarlierVersionsIsReadWithoutAReplacement(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	create(t, core, config("checkout"))
	before := core.State()
	earlier := map[string]any{}
	for _, name := range []string{"name", "privileges", "id", "api_key", "encoded", "creation", "expiration", "username", "realm"} {
		earlier[name] = before[name]
	}
	encoded, err := json.Marshal(earlier)
	if err != nil {
		t.Fatal(err)
	}

	silent(t, core.Upgrade(encoded))
	if diff := cmp.Diff(before, core.State()); diff != "" {
		t.Error("the state has changed") // The difference could show the secret.
	}
	planned(t, core.Plan(config("checkout")), acctest.NoOp)
	planned(t, core.Plan(adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d", "revoke_after", "1h",
		"rotate_when_changed", map[string]string{"release": "1"})), acctest.Update)
}
