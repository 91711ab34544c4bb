package provider_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// allowed fails the test unless the key may do just this, as APM Server would ask.
func allowed(t *testing.T, w *acctest.World, encoded string, want map[string]bool) {
	t.Helper()
	got, err := w.HasPrivileges(t.Context(), encoded, "event:write", "config_agent:read")
	if err != nil {
		t.Fatalf("asking with the key: %s", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("privileges of the key (-want +got):\n%s", diff)
	}
}

func TestAccPrivileges_changeInPlaceForTheOwner(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "expires_in", "90d"))
	life, encoded := lifeOf(t, w, id), encodedOf(t, core)
	allowed(t, w, encoded, map[string]bool{"event:write": true, "config_agent:read": true})

	less := adding(config("checkout"), "privileges", []string{"event:write"}, "expires_in", "90d")
	plan := core.Plan(less)
	planned(t, plan, acctest.Update)
	if plan.Planned["encoded"] != encoded || plan.Planned["expiration"] != core.State()["expiration"] {
		t.Error("the plan should keep the secret and the expiration")
	}
	succeed(t, core.Apply(plan))
	allowed(t, w, encoded, map[string]bool{"event:write": true, "config_agent:read": false})
	planned(t, core.Plan(less), acctest.NoOp)

	succeed(t, core.Run(adding(config("checkout"), "expires_in", "90d")))
	allowed(t, w, encoded, map[string]bool{"event:write": true, "config_agent:read": true})
	if idOf(t, core) != id || lifeOf(t, w, id) != life {
		t.Error("the key or its end has changed")
	}
}

func TestAccPrivileges_andEndChangeByOneRequest(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "expires_in", "90d"))
	w.Sent()
	plan := core.Plan(adding(config("checkout"), "privileges", []string{"event:write"}, "expires_in", "30d"))
	planned(t, plan, acctest.Update)
	w.Sent()
	succeed(t, core.Apply(plan))
	puts := 0
	for _, request := range w.Sent() {
		if request == "PUT "+keyRoute+"/"+id {
			puts++
		}
	}
	if puts != 1 {
		t.Errorf("%d changes were sent", puts)
	}
	lives(t, lifeOf(t, w, id), 30*day)
	allowed(t, w, encodedOf(t, core), map[string]bool{"event:write": true, "config_agent:read": false})
}

func TestAccPrivileges_changeByReplacementForAnybodyElse(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	old := create(t, core, config("checkout"))
	core.SetProvider(w.ProviderConfig(superuser(t, w), nil))

	plan := core.Plan(adding(config("checkout"), "privileges", []string{"event:write"}))
	planned(t, plan, acctest.Replace)
	succeed(t, core.Apply(plan))
	if idOf(t, core) == old || !isRevoked(t, w, old) {
		t.Error("the old key should be revoked and another be in the state")
	}
	allowed(t, w, encodedOf(t, core), map[string]bool{"event:write": true, "config_agent:read": false})
}

func TestAccPrivileges_thatTheOwnerLacksAreRefused(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, adding(config("checkout"), "privileges", []string{"event:write"}))
	role := fakestack.AgentKeyRole()
	for i, application := range role.Applications {
		if application.Application == "apm" {
			role.Applications[i].Privileges = []string{"event:write"}
		}
	}
	w.User(t, w.Username, w.Password, role)

	plan := core.Plan(config("checkout"))
	planned(t, plan, acctest.Update)
	refused(t, core.Apply(plan), "Unable to change APM agent key", "config_agent:read", "roles")
	allowed(t, w, encodedOf(t, core), map[string]bool{"event:write": true, "config_agent:read": false})
	if idOf(t, core) != id {
		t.Error("the key is not in the state any more")
	}
}
