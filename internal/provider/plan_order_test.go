package provider_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// TestPlan_isAppliedAsShownUnderAnyOrderOfPlanWaitAndApply walks at random. Core holds every plan and every result to
// Terraform's rules, and the server is asked what is alive.
func TestPlan_isAppliedAsShownUnderAnyOrderOfPlanWaitAndApply(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			w := acctest.New(t)
			core := w.Core(t, nil)
			core.CreateBeforeDestroy = random.IntN(2) == 0
			for range 12 {
				walk(t, random, w, core)
			}
		})
	}
}

// walk waits, plans, waits, and applies or forgets the plan.
func walk(t *testing.T, random *rand.Rand, w *acctest.World, core *acctest.Core) {
	t.Helper()
	w.Clock.Advance(time.Duration(random.Int64N(int64(40 * day))))
	plan := core.Plan(anyConfig(random))
	succeed(t, plan.Diagnostics)
	w.Clock.Advance(time.Duration(random.Int64N(int64(40 * day))))
	if random.IntN(4) == 0 {
		return
	}
	before := core.State()
	diagnostics := core.Apply(plan)
	if len(diagnostics.Errors()) > 0 && (plan.Action != acctest.Update || !isOver(t, w, fmt.Sprint(before["id"]), plan)) {
		t.Fatalf("applying the plan to %s:\n%s", plan.Action, diagnostics)
	}
	if plan.Action == acctest.Update && before != nil && core.State()["id"] != before["id"] {
		t.Error("a change in place has made another key")
	}
	if live := w.LiveKeys(t); len(live) > 1 {
		for _, id := range live {
			if key, err := w.Key(t.Context(), id); err != nil || (id != core.State()["id"] && key.Expiration.IsZero()) {
				t.Errorf("key %s lives on without an end and in no state", id)
			}
		}
	}
}

// isOver reports whether the server holds that a change in place has come too late: the key has died since the plan, or the
// end that the plan gives it has passed. That is told, and the next plan replaces the key.
func isOver(t *testing.T, w *acctest.World, id string, plan *acctest.Plan) bool {
	t.Helper()
	key, err := w.Key(t.Context(), id)
	if err != nil {
		t.Fatalf("asking the server for the key: %s", err)
	}
	now := w.Stack.Clock().Now()
	over := key.Invalidated || (!key.Expiration.IsZero() && !key.Expiration.After(now))
	if text, set := plan.Planned["expires_in"].(string); set && !over {
		life, err := agentkey.ParseDuration(text)
		over = err == nil && !key.Creation.Add(life).After(now)
	}
	return over
}

// anyConfig returns one of the configurations that a key can have, or nil for none.
func anyConfig(random *rand.Rand) map[string]any {
	if random.IntN(8) == 0 {
		return nil
	}
	configuration := config("checkout")
	pick := func(name string, values ...any) {
		if i := random.IntN(len(values) + 1); i < len(values) {
			configuration[name] = values[i]
		}
	}
	pick("privileges", []string{"event:write"})
	if configuration["privileges"] == nil {
		configuration = config("checkout")
	}
	pick("expires_in", "90d", "60d", "45d")
	pick("rotate_after", "30d", "20d")
	pick("revoke_after", "1h", "20d")
	pick("rotate_when_changed", map[string]string{"release": "1"}, map[string]string{"release": "2"})
	return configuration
}
