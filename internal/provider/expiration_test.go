package provider_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

const day = 24 * time.Hour

// adding returns a configuration with more attributes: name, value, name, value.
func adding(config map[string]any, more ...any) map[string]any {
	config = maps.Clone(config)
	for i := 0; i < len(more); i += 2 {
		config[more[i].(string)] = more[i+1]
	}
	return config
}

// lifeOf returns the time between creation and expiration as the server holds them, or 0 if the key never expires.
func lifeOf(t *testing.T, w *acctest.World, id string) time.Duration {
	t.Helper()
	key, err := w.Key(t.Context(), id)
	if err != nil {
		t.Fatalf("asking the server for the key: %s", err)
	}
	if key.Expiration.IsZero() {
		return 0
	}
	return key.Expiration.Sub(key.Creation)
}

// lives fails the test unless a life is another one, as nearly as the provider promises it whatever the server's load.
func lives(t *testing.T, got, want time.Duration) {
	t.Helper()
	if (got - want).Abs() > agentkey.EndTolerance {
		t.Errorf("life: %s, not about %s", got, want)
	}
}

// replacedFor fails the test unless the plan gives this one reason for the replacement.
func replacedFor(t *testing.T, plan *acctest.Plan, attribute string) {
	t.Helper()
	if want := tftypes.NewAttributePath().WithAttributeName(attribute).String(); !slices.Equal(plan.RequiresReplace, []string{want}) {
		t.Errorf("the plan replaces the key for %v, not for %s alone", plan.RequiresReplace, want)
	}
}

func TestAccExpiresIn_isCountedFromTheCreation(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)

	succeed(t, core.Run(adding(config("checkout"), "expires_in", "90d")))
	lives(t, lifeOf(t, w, idOf(t, core)), 90*day)
	key, err := w.Key(t.Context(), idOf(t, core))
	if err != nil {
		t.Fatalf("asking the server for the key: %s", err)
	}
	stated, _ := core.State()["expiration"].(string)
	if end, err := time.Parse(time.RFC3339, stated); err != nil || !end.Equal(key.Expiration) {
		t.Errorf("the key ends at %q in the state, and at %s on the server", stated, key.Expiration)
	}
	planned(t, core.Plan(adding(config("checkout"), "expires_in", "90d")), acctest.NoOp)
}

func TestAccExpiresIn_movesTheEndInPlace(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	succeed(t, core.Run(adding(config("checkout"), "expires_in", "90d")))
	before := core.State()

	for _, life := range []struct {
		text string
		want time.Duration
	}{{"120d", 120 * day}, {"30d", 30 * day}, {"721h", 721 * time.Hour}} {
		plan := core.Plan(adding(config("checkout"), "expires_in", life.text))
		planned(t, plan, acctest.Update)
		if plan.Planned["expiration"] != acctest.Unknown || plan.Planned["encoded"] != before["encoded"] {
			t.Errorf("the plan should change the expiration and keep the secret")
		}
		succeed(t, core.Apply(plan))
		lives(t, lifeOf(t, w, idOf(t, core)), life.want)
		planned(t, core.Plan(adding(config("checkout"), "expires_in", life.text)), acctest.NoOp)
	}
	if core.State()["encoded"] != before["encoded"] || len(w.OwnKeys(t)) != 1 {
		t.Error("moving the end made another key")
	}
}

func TestAccExpiresIn_ofTheSameLengthInAnotherUnitChangesNothingOnTheServer(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	succeed(t, core.Run(adding(config("checkout"), "expires_in", "2d")))
	life := lifeOf(t, w, idOf(t, core))

	succeed(t, core.Run(adding(config("checkout"), "expires_in", "48h")))
	if lifeOf(t, w, idOf(t, core)) != life {
		t.Error("the end was moved")
	}
}

// Only the owner can move an end.
func TestAccExpiresIn_ofSomebodyElsesKeyIsChangedByReplacement(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		life  string
		want  time.Duration
		moved string // by the owner, behind Terraform's back; "" for not at all
		cause string
	}{
		"another length":             {"120d", 120 * day, "", "expires_in"},
		"an end that somebody moved": {"90d", 90 * day, "10d", "expiration"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			old := create(t, core, adding(config("checkout"), "expires_in", "90d"))
			if test.moved != "" {
				update(t, w, old, map[string]any{"expiration": test.moved})
			}
			core.SetProvider(w.ProviderConfig(superuser(t, w), nil))

			configuration := adding(config("checkout"), "expires_in", test.life)
			plan := core.Plan(configuration)
			planned(t, plan, acctest.Replace)
			replacedFor(t, plan, test.cause)
			succeed(t, core.Apply(plan))
			if idOf(t, core) == old || !isRevoked(t, w, old) {
				t.Error("the old key should be revoked and another be in the state")
			}
			lives(t, lifeOf(t, w, idOf(t, core)), test.want)
			planned(t, core.Plan(configuration), acctest.NoOp)
		})
	}
}

func TestAccExpiresIn_isPutBackWhereSomebodyMovedTheEnd(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "90d")
	succeed(t, core.Run(configuration))
	id := idOf(t, core)
	update(t, w, id, map[string]any{"expiration": "10d"})

	plan := core.Plan(configuration)
	planned(t, plan, acctest.Update)
	succeed(t, core.Apply(plan))
	lives(t, lifeOf(t, w, id), 90*day)
}

func TestAccExpiresIn_removedReplacesTheKey(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	succeed(t, core.Run(adding(config("checkout"), "expires_in", "90d")))

	plan := core.Plan(config("checkout"))
	planned(t, plan, acctest.Replace)
	succeed(t, core.Apply(plan))
	if life := lifeOf(t, w, idOf(t, core)); life != 0 {
		t.Errorf("the new key ends after %s", life)
	}
}

func TestAccExpiresIn_isAddedInPlace(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	succeed(t, core.Run(config("checkout")))

	plan := core.Plan(adding(config("checkout"), "expires_in", "90d"))
	planned(t, plan, acctest.Update)
	succeed(t, core.Apply(plan))
	lives(t, lifeOf(t, w, idOf(t, core)), 90*day)
}

func TestExpiresIn_shorterThanTheAgeReplacesTheKey(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	succeed(t, core.Run(adding(config("checkout"), "expires_in", "90d")))
	w.Clock.Advance(40 * day)

	plan := core.Plan(adding(config("checkout"), "expires_in", "30d"))
	planned(t, plan, acctest.Replace)
	succeed(t, core.Apply(plan))
	lives(t, lifeOf(t, w, idOf(t, core)), 30*day)
}

func TestAccExpiresIn_thatCouldNotBeSetIsToldAndPutRightByTheNextApply(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "90d")
	remove := inject(t, w.Stack.Elasticsearch, respond(403).On(toUpdate))

	diagnostics := core.Run(configuration)
	first := idOf(t, core)
	told(t, diagnostics.Errors(), "expires_in", "APM agent key created without its end", first, "the next apply replaces it")
	onlyAlive(t, w, first)

	remove()
	succeed(t, core.Run(configuration))
	onlyAlive(t, w, idOf(t, core))
	lives(t, lifeOf(t, w, idOf(t, core)), 90*day)
}

// What cannot be given an end cannot be given a grace either, and must be possible to destroy all the same.
func TestAccExpiresIn_thatCanNeverBeSetLeavesAKeyThatCanBeDestroyed(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	inject(t, w.Stack.Elasticsearch, respond(400).On(toUpdate))
	configuration := adding(config("checkout"), "expires_in", "90d", "revoke_after", "1h")
	told(t, core.Run(configuration).Errors(), "expires_in", "APM agent key created without its end")
	first := idOf(t, core)
	told(t, core.Run(configuration).Errors(), "expires_in", "APM agent key created without its end")
	onlyAlive(t, w, idOf(t, core))
	if !isRevoked(t, w, first) {
		t.Error("the first key is not revoked")
	}
	silent(t, core.Destroy())
	onlyAlive(t, w)
}

func TestExpiresIn_overIsToldAsAskedFor(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		more []any
		text string
	}{
		"without a rotation": {nil, "as expires_in asks; rotate_after has a plan replace it before"},
		"with a rotation":    {[]any{"rotate_after", "60d"}, "no plan was applied between rotate_after and then"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			id := create(t, core, adding(adding(config("checkout"), "expires_in", "90d"), test.more...))
			w.Clock.Advance(91 * day)
			warned(t, core.Refresh(), "APM agent key is gone", id, "expired at 2", test.text)
		})
	}
}

// Kibana has the provider wait for longer than the tolerance of an end.
func TestExpiresIn_isCountedFromTheCreationHoweverLongItWasPutOff(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	inject(t, w.Stack.Kibana, fakestack.TooManyRequests("100").On(toCreate).Once())
	configuration := adding(config("checkout"), "expires_in", "90d")
	create(t, core, configuration)
	lives(t, lifeOf(t, w, idOf(t, core)), 90*day)
	planned(t, core.Plan(configuration), acctest.NoOp)
}
