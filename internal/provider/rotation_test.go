package provider_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

func TestRotateAfter_replacesTheKeyOnceWhenItIsDue(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d")
	old := create(t, core, configuration)

	w.Clock.Advance(60*day - time.Minute)
	silent(t, core.Plan(configuration).Diagnostics)
	planned(t, core.Plan(configuration), acctest.NoOp)

	w.Clock.Advance(2 * time.Minute)
	plan := core.Plan(configuration)
	planned(t, plan, acctest.Replace)
	told(t, plan.Diagnostics, "", "APM agent key is due for rotation", "rotate_after", "60d", old)
	succeed(t, core.Apply(plan))
	onlyAlive(t, w, idOf(t, core))
	if !isRevoked(t, w, old) {
		t.Error("the old key is not revoked")
	}
	planned(t, core.Plan(configuration), acctest.NoOp)
}

func TestRotateAfter_isAllThatAPlanShowsWhenNothingButTimeHasPassed(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d", "revoke_after", "1h",
		"rotate_when_changed", map[string]string{"release": "1"}, "timeouts", map[string]any{"create": "2m"})
	create(t, core, configuration)
	before := core.State()
	w.Clock.Advance(61 * day)

	plan := core.Plan(configuration)
	planned(t, plan, acctest.Replace)
	replacedFor(t, plan, "creation")
	for name := range configuration {
		if diff := cmp.Diff(before[name], plan.Planned[name]); diff != "" {
			t.Errorf("the plan changes %s (-before +planned):\n%s", name, diff)
		}
	}
}

// TestAccPlan_withoutARefreshDecidesNothingAboutTime is about -refresh=false: Terraform plans so while it applies, too, and
// the two cannot be told apart.
func TestAccPlan_withoutARefreshDecidesNothingAboutTime(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	create(t, core, config("checkout"))
	time.Sleep(1100 * time.Millisecond) // A real server's clock cannot be moved.
	due := adding(config("checkout"), "rotate_after", "1s")
	w.Sent()
	plan := core.PlanWithoutRefresh(due)
	planned(t, plan, acctest.Update)
	silent(t, plan.Diagnostics)
	succeed(t, core.Apply(plan))
	planned(t, core.PlanWithoutRefresh(due), acctest.NoOp)
	if sent := w.Sent(); len(sent) > 0 {
		t.Errorf("requests were sent: %v", sent)
	}
	planned(t, core.Plan(due), acctest.Replace)
}

func TestPlan_withoutARefreshTakesNoKeyForExpired(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "10d")
	create(t, core, configuration)
	for _, wait := range []time.Duration{9*day + time.Hour, day} {
		w.Clock.Advance(wait)
		plan := core.PlanWithoutRefresh(configuration)
		planned(t, plan, acctest.NoOp)
		silent(t, plan.Diagnostics)
	}
	planned(t, core.Plan(configuration), acctest.Create)
}

func TestAccRotateAfter_replacesTheKeyOnceWhenItIsDue(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	old := create(t, core, config("checkout"))
	time.Sleep(1100 * time.Millisecond) // A real server's clock cannot be moved.

	plan := core.Plan(adding(config("checkout"), "rotate_after", "1s"))
	planned(t, plan, acctest.Replace)
	succeed(t, core.Apply(plan))
	if idOf(t, core) == old {
		t.Error("the key was not replaced")
	}
	onlyAlive(t, w, idOf(t, core))
	planned(t, core.Plan(adding(config("checkout"), "rotate_after", "1d")), acctest.Update)
}

// TestAccRotateAfter_goesByTheServersClock also covers expiry: the provider's clock says that both are long over.
func TestAccRotateAfter_goesByTheServersClock(t *testing.T) {
	t.Parallel()
	for what, offset := range map[string]time.Duration{"ahead": 400 * day, "an hour ahead": time.Hour, "behind": -400 * day, "an hour behind": -time.Hour} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			configuration := adding(config("checkout"), "expires_in", "40m", "rotate_after", "30m")
			w.Clock.Skew(offset)
			id := create(t, core, configuration)
			lives(t, lifeOf(t, w, id), 40*time.Minute)
			planned(t, core.Plan(configuration), acctest.NoOp)

			longer := adding(config("checkout"), "expires_in", "50m", "rotate_after", "30m")
			plan := core.Plan(longer)
			planned(t, plan, acctest.Update)
			succeed(t, core.Apply(plan))
			lives(t, lifeOf(t, w, id), 50*time.Minute)

			time.Sleep(1100 * time.Millisecond)
			planned(t, core.Plan(adding(longer, "rotate_after", "1s")), acctest.Replace)
		})
	}
}

func TestAccRotateAfter_mustLieBeforeExpiresIn(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	for _, rotateAfter := range []string{"90d", "2160h", "91d"} {
		plan := core.Plan(adding(config("checkout"), "expires_in", "90d", "rotate_after", rotateAfter))
		told(t, plan.Diagnostics, "rotate_after", "Rotation after the end", rotateAfter, "90d")
	}
	planned(t, core.Plan(adding(config("checkout"), "expires_in", "90d", "rotate_after", "89d")), acctest.Create)
}

func TestAccRotateAfter_mustLieBeforeAnEndThatIsKnownOnApplyOnly(t *testing.T) {
	t.Parallel()
	for what, exists := range map[string]bool{"of a new key": false, "of an existing key": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			configuration := adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d")
			action := acctest.Create
			if exists {
				create(t, core, configuration)
				action = acctest.Update
			}
			live := w.LiveKeys(t)
			plan := core.Plan(adding(configuration, "expires_in", acctest.Unknown))
			planned(t, plan, action)
			diagnostics := core.ApplyResolved(plan, adding(configuration, "expires_in", "30d"))
			told(t, diagnostics, "rotate_after", "Rotation after the end", "60d", "30d")
			onlyAlive(t, w, live...)
			if exists {
				lives(t, lifeOf(t, w, live[0]), 90*day)
			}
		})
	}
}

func TestPlan_madeBeforeTheRotationIsDueDoesNotRotateWhenAppliedLater(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d")
	id := create(t, core, configuration)
	w.Clock.Advance(59 * day)

	// A change in place is planned again while it is applied.
	plan := core.Plan(adding(configuration, "revoke_after", "1h"))
	planned(t, plan, acctest.Update)
	w.Clock.Advance(2 * day)
	succeed(t, core.Apply(plan))
	if idOf(t, core) != id {
		t.Error("the key was replaced, which the plan did not show")
	}
	planned(t, core.Plan(adding(configuration, "revoke_after", "1h")), acctest.Replace)
}

func TestPlan_madeWhenTheRotationIsDueRotatesWhenAppliedAfterTheExpiry(t *testing.T) {
	t.Parallel()
	for what, createFirst := range map[string]bool{"destroy first": false, "create first": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			core.CreateBeforeDestroy = createFirst
			configuration := adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d", "revoke_after", "1h")
			old := create(t, core, configuration)
			w.Clock.Advance(61 * day)
			plan := core.Plan(configuration)
			planned(t, plan, acctest.Replace)

			w.Clock.Advance(40 * day)
			silent(t, core.Apply(plan))
			if idOf(t, core) == old {
				t.Error("the key was not replaced")
			}
			onlyAlive(t, w, idOf(t, core))
		})
	}
}

func TestPlan_madeBeforeTheExpiryChangesNothingWhenAppliedAfterIt(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "10d")
	id := create(t, core, configuration)
	plan := core.Plan(configuration)
	planned(t, plan, acctest.NoOp)
	w.Clock.Advance(11 * day)
	silent(t, core.Apply(plan))
	if idOf(t, core) != id {
		t.Error("the key was replaced, which the plan did not show")
	}
	planned(t, core.Plan(configuration), acctest.Create)
}

func TestExpiredKey_isReplacedWithoutRotateAfter(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	configuration := adding(config("checkout"), "expires_in", "10d")
	create(t, core, configuration)

	w.Clock.Advance(9*day - time.Minute)
	silent(t, core.Plan(configuration).Diagnostics)
	w.Clock.Advance(2 * time.Minute)
	warned(t, core.Plan(configuration).Diagnostics, "APM agent key expires soon", "rotate_after")

	w.Clock.Advance(2 * day)
	plan := core.Plan(configuration)
	planned(t, plan, acctest.Create)
	warned(t, plan.Diagnostics, "APM agent key is gone", "expired")
	succeed(t, core.Apply(plan))
	onlyAlive(t, w, idOf(t, core))
}

func TestAccRotateWhenChanged_replacesTheKeyOnAnyChangeOfAValue(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	releases := func(pairs ...string) map[string]any {
		keepers := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			keepers[pairs[i]] = pairs[i+1]
		}
		return adding(config("checkout"), "rotate_when_changed", keepers)
	}
	create(t, core, releases("release", "1"))

	planned(t, core.Plan(releases("release", "1")), acctest.NoOp)
	planned(t, core.Plan(releases("release", "2")), acctest.Replace)
	planned(t, core.Plan(releases("release", "1", "region", "eu")), acctest.Replace)
	planned(t, core.Plan(releases()), acctest.Replace)
	old := idOf(t, core)
	succeed(t, core.Run(releases("release", "2")))
	onlyAlive(t, w, idOf(t, core))
	if idOf(t, core) == old {
		t.Error("the key was not replaced")
	}
}

func TestAccRotateWhenChanged_addedOrTakenAwayReplacesNothing(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))

	for _, configuration := range []map[string]any{
		adding(config("checkout"), "rotate_when_changed", map[string]string{"release": "1"}),
		config("checkout"),
	} {
		plan := core.Plan(configuration)
		planned(t, plan, acctest.Update)
		w.Sent()
		silent(t, core.Apply(plan))
		if sent := w.Sent(); len(sent) > 0 {
			t.Errorf("requests were sent: %v", sent)
		}
	}
	onlyAlive(t, w, id)
}

func TestAccRotation_takesUnknownValues(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	known := adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d", "revoke_after", "1h", "rotate_when_changed", map[string]string{"release": "1"})
	unknown := adding(config("checkout"), "expires_in", acctest.Unknown, "rotate_after", acctest.Unknown, "revoke_after", acctest.Unknown,
		"rotate_when_changed", map[string]any{"release": acctest.Unknown})

	plan := core.Plan(unknown)
	planned(t, plan, acctest.Create)
	succeed(t, core.ApplyResolved(plan, known))
	lives(t, lifeOf(t, w, idOf(t, core)), 90*day)

	plan = core.Plan(unknown)
	planned(t, plan, acctest.Replace)
	old := idOf(t, core)
	succeed(t, core.ApplyResolved(plan, known))
	if idOf(t, core) == old {
		t.Error("the key was not replaced")
	}

	// Durations alone change in place, and time does not decide while they are applied.
	plan = core.Plan(adding(unknown, "rotate_when_changed", map[string]string{"release": "1"}))
	planned(t, plan, acctest.Update)
	succeed(t, core.ApplyResolved(plan, adding(known, "expires_in", "80d", "rotate_after", "1s")))
	lives(t, lifeOf(t, w, idOf(t, core)), 80*day)
}
