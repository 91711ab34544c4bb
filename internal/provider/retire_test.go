package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// endsInAnHour fails the test unless the key is alive and ends in about an hour.
func endsInAnHour(t *testing.T, w *acctest.World, id string) {
	t.Helper()
	key, err := w.Key(t.Context(), id)
	if err != nil {
		t.Fatalf("asking for the key: %s", err)
	}
	if key.Invalidated {
		t.Fatalf("the key %s is revoked", id)
	}
	// A little time has passed since the end was set, and more of it on a busy machine.
	if left := key.Expiration.Sub(w.Stack.Clock().Now()); left > time.Hour+5*time.Second || left < time.Hour-time.Minute {
		t.Errorf("time left: %s, not a little less than an hour", left)
	}
}

// destroyed destroys the key of the state, and fails the test if the server lets it live for ever.
func destroyed(t *testing.T, w *acctest.World, core *acctest.Core) {
	t.Helper()
	id := idOf(t, core)
	succeed(t, core.Destroy())
	if key, err := w.Key(t.Context(), id); err != nil || (!key.Invalidated && key.Expiration.IsZero()) {
		t.Errorf("the key %s lives on: %v", id, err)
	}
}

func TestAccRevokeAfter_letsADestroyedKeyLiveOnAndSaysUntilWhen(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "revoke_after", "1h"))
	encoded := encodedOf(t, core)

	diagnostics := core.Destroy()
	key, err := w.Key(t.Context(), id)
	if err != nil {
		t.Fatalf("asking for the key: %s", err)
	}
	warned(t, diagnostics, "APM agent key still works for a while", id, key.Expiration.UTC().Format("2006-01-02T15:04:05"))
	if core.State() != nil {
		t.Error("the key is still in the state")
	}
	endsInAnHour(t, w, id)
	if !w.Authenticates(t.Context(), encoded) {
		t.Error("the key does not work any more")
	}
}

func TestRevokeAfter_endsTheKeyWhenTheGraceIsOver(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	create(t, core, adding(config("checkout"), "revoke_after", "1h"))
	encoded := encodedOf(t, core)
	succeed(t, core.Destroy())
	w.Clock.Advance(61 * time.Minute)
	if w.Authenticates(t.Context(), encoded) {
		t.Error("the key still works")
	}
}

func TestAccRevokeAfter_neverProlongsALife(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "expires_in", "1h", "revoke_after", "2h"))
	before := lifeOf(t, w, id)
	succeed(t, core.Destroy())
	if after := lifeOf(t, w, id); after != before {
		t.Errorf("the life was %s and is %s", before, after)
	}
}

func TestAccRevokeAfter_shortensALongerLife(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "expires_in", "90d", "revoke_after", "1h"))
	succeed(t, core.Destroy())
	endsInAnHour(t, w, id)
}

func TestAccRevokeAfter_neverReachedTheServerKeepsTheState(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "revoke_after", "1h"))
	remove := inject(t, w.Stack.Elasticsearch, fakestack.Respond(400, nil, `{"error":{"type":"test","reason":"not today"},"status":400}`).
		On(fakestack.To("PUT", keyRoute+"/*")))
	refused(t, core.Destroy(), "Unable to retire APM agent key", "not today")
	if idOf(t, core) != id || lifeOf(t, w, id) != 0 {
		t.Error("the key should be in the state and live")
	}
	remove()
	succeed(t, core.Destroy())
	endsInAnHour(t, w, id)
}

func TestAccRevokeAfter_isRefusedInThePlanWhereItCannotBeHonoured(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	configuration := adding(config("checkout"), "revoke_after", "1h")
	const summary = "Unable to honour revoke_after"

	t.Run("for a key of somebody else", func(t *testing.T) {
		t.Parallel()
		core := w.Core(t, nil)
		id := create(t, core, configuration)
		core.SetProvider(w.ProviderConfig(superuser(t, w), nil))
		for what, plan := range map[string]*acctest.Plan{
			"unchanged": core.Plan(configuration), "destroy": core.Plan(nil), "replace": core.Plan(adding(config("basket"))),
		} {
			t.Log(what)
			told(t, plan.Diagnostics, "revoke_after", summary, w.Username)
		}
		// The way out that the message names.
		succeed(t, core.Run(config("checkout")))
		succeed(t, core.Destroy())
		if !isRevoked(t, w, id) {
			t.Error("the key is not revoked")
		}
	})
	t.Run("but not where the new key will be the caller's", func(t *testing.T) {
		t.Parallel()
		core := w.Core(t, nil)
		id := create(t, core, config("checkout"))
		core.SetProvider(w.ProviderConfig(superuser(t, w), nil))
		plan := core.Plan(adding(config("basket"), "revoke_after", "1h"))
		planned(t, plan, acctest.Replace)
		silent(t, core.Apply(plan))
		if !isRevoked(t, w, id) {
			t.Error("the old key is not revoked")
		}
		destroyed(t, w, core)
	})
	t.Run("with a way out when the rotation is due", func(t *testing.T) {
		t.Parallel()
		core := w.Core(t, nil)
		id := create(t, core, adding(configuration, "rotate_after", "1h"))
		core.SetProvider(w.ProviderConfig(superuser(t, w), nil))
		time.Sleep(1100 * time.Millisecond) // A real server's clock cannot be moved.
		due := adding(config("checkout"), "rotate_after", "1s")
		told(t, core.Plan(adding(due, "revoke_after", "1h")).Diagnostics.Errors(), "revoke_after", summary, "remove revoke_after and apply that first")

		plan := core.Plan(due)
		planned(t, plan, acctest.Update)
		warned(t, plan.Diagnostics, "APM agent key is due for rotation", "removes revoke_after", "the next one replaces the key")
		silent(t, core.Apply(plan))
		plan = core.Plan(due)
		planned(t, plan, acctest.Replace)
		succeed(t, core.Apply(plan))
		if !isRevoked(t, w, id) {
			t.Error("the old key is not revoked")
		}
		destroyed(t, w, core)
	})
	// Elastic's cloud says of such a key whose it is, and that may be the owner: it can change nothing all the same.
	t.Run("for an existing key with an API key", func(t *testing.T) {
		t.Parallel()
		w := acctest.New(t)
		core := w.Core(t, nil)
		id := create(t, core, configuration)
		realm, _ := core.State()["realm"].(string)
		provider := w.ProviderConfig(map[string]any{"api_key": "essu_cloud"}, w.BasicAuth())
		inject(t, w.Stack.Elasticsearch, fakestack.Respond(http.StatusOK, http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}},
			`{"username":"`+w.Username+`","authentication_realm":{"name":"`+realm+`"},"authentication_type":"api_key","api_key":{"id":"cloud","managed_by":"cloud"}}`).
			On(func(r *http.Request) bool {
				return toAuthenticate(r) && strings.HasSuffix(r.Header.Get("Authorization"), "essu_cloud")
			}))
		core.SetProvider(provider)
		for what, plan := range map[string]*acctest.Plan{
			"unchanged": core.Plan(configuration), "destroy": core.Plan(nil), "replace": core.Plan(config("basket")),
		} {
			t.Log(what)
			told(t, plan.Diagnostics, "revoke_after", summary, "not with an API key")
		}
		onlyAlive(t, w, id)
		if lifeOf(t, w, id) != 0 {
			t.Error("the key has got an end")
		}
	})
	t.Run("for a new key with an API key", func(t *testing.T) {
		t.Parallel()
		core := w.Core(t, w.ProviderConfig(map[string]any{"api_key": "essu_cloud"}, w.BasicAuth()))
		told(t, core.Plan(configuration).Diagnostics, "revoke_after", summary)
		told(t, core.Plan(adding(config("checkout"), "expires_in", "1h")).Diagnostics, "expires_in", "Unable to honour expires_in")
	})
}
