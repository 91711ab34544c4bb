package provider_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

var jsonType = http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}

// esError is the body of an error of Elasticsearch.
func esError(status int, kind, reason string) string {
	return `{"error":{"type":` + strconv.Quote(kind) + `,"reason":` + strconv.Quote(reason) + `},"status":` + strconv.Itoa(status) + `}`
}

func TestAccAgentKey_whatIsDeadAlreadyIsDestroyedWithSuccess(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		kill func(t *testing.T, w *acctest.World, id string)
		// sent are the requests after that to revoke: an answer that names no key proves nothing (contract B4).
		sent []string
	}{
		"revoked": {revoke, []string{"POST " + queryRoute}},
		"expired": {expire, nil},
		"purged": {func(t *testing.T, w *acctest.World, id string) {
			revoke(t, w, id)
			inject(t, w.Stack.Elasticsearch, purged())
		}, []string{"POST " + queryRoute, "POST " + mayRoute, "GET " + whoRoute}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			id := create(t, core, config("checkout"))
			// It dies after the plan, so that the apply meets it.
			plan := core.Plan(nil)
			planned(t, plan, acctest.Delete)
			test.kill(t, w, id)
			w.Sent()
			silent(t, core.Apply(plan))
			if diff := cmp.Diff(append([]string{"DELETE " + keyRoute}, test.sent...), w.Sent()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if core.State() != nil {
				t.Error("there is still a state")
			}
			onlyAlive(t, w)
		})
	}
}

func TestAccAgentKey_aKeyFoundDeadWhilePlanningNeedsNoRevocation(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	revoke(t, w, id)
	w.Sent()
	warned(t, core.Destroy(), "APM agent key is gone", id, "was revoked")
	if diff := cmp.Diff([]string{"POST " + queryRoute}, w.Sent()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if core.State() != nil {
		t.Error("there is still a state")
	}
}

func TestAccAgentKey_aKeyThatIsNotProvenDeadStaysInTheState(t *testing.T) {
	t.Parallel()
	const nothingDone = `{"invalidated_api_keys":[],"previously_invalidated_api_keys":[],"error_count":0}`
	for what, test := range map[string]struct {
		fault fakestack.Fault
		texts []string
		owner []bool
	}{
		// Both flags are tried, since either may be the one that does nothing.
		"accepted, but nothing done": {
			fakestack.Respond(200, jsonType, nothingDone), []string{"still alive", "accepted the request", "manage_api_key", "elasticsearch block"}, []bool{true, false},
		},
		"another key named": {
			fakestack.Respond(200, jsonType, `{"invalidated_api_keys":["other"],"previously_invalidated_api_keys":[],"error_count":0}`),
			[]string{"still alive"}, []bool{true, false},
		},
		"errors with status 200": {
			fakestack.Respond(200, jsonType, `{"invalidated_api_keys":[],"previously_invalidated_api_keys":[],"error_count":1,`+
				`"error_details":[{"type":"version_conflict_engine_exception","reason":"conflict on the document"}]}`),
			[]string{"version_conflict_engine_exception", "conflict on the document"}, []bool{true},
		},
		"refused": {
			fakestack.Respond(403, jsonType, esError(403, "security_exception", "not for you")),
			[]string{"still alive", "not for you", "manage_api_key"}, []bool{true, false},
		},
		"failed": {
			fakestack.Respond(500, jsonType, esError(500, "some_exception", "disk full")), []string{"HTTP 500", "disk full", "logs of Elasticsearch"}, []bool{true},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			id := create(t, core, config("checkout"))
			before := core.State()
			restore := inject(t, w.Stack.Elasticsearch, test.fault.On(toRevoke))
			w.Sent()
			refused(t, core.Destroy(), "Unable to revoke APM agent key", append(test.texts, "checkout")...)
			if got := ownerFlags(t, w); !slices.Equal(got, test.owner) {
				t.Errorf("owner flags %v instead of %v", got, test.owner)
			}
			if !cmp.Equal(before, core.State()) {
				t.Error("the state has changed")
			}
			onlyAlive(t, w, id)

			restore()
			silent(t, core.Destroy())
			onlyAlive(t, w)
		})
	}
}

func TestAccAgentKey_aReplacementThatCannotRevokeKeepsTheOldKey(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("old"))
	plan := core.Plan(config("new"))
	planned(t, plan, acctest.Replace)
	inject(t, w.Stack.Elasticsearch, fakestack.Respond(500, jsonType, esError(500, "some_exception", "disk full")).On(toRevoke))
	refused(t, core.Apply(plan), "Unable to revoke APM agent key", "disk full")
	if idOf(t, core) != id {
		t.Error("the old key has left the state")
	}
	onlyAlive(t, w, id)
}

func TestAccAgentKey_anotherUserCannotDestroyWhatHeCannotSee(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	// The credentials change between plan and apply, so that the revocation meets them.
	plan := core.Plan(nil)
	planned(t, plan, acctest.Delete)
	core.SetProvider(w.ProviderConfig(user(t, w, fakestack.AgentKeyRole()), nil))
	refused(t, core.Apply(plan), "Unable to revoke APM agent key", "checkout", id, "manage_api_key")
	if idOf(t, core) != id {
		t.Error("the key has left the state")
	}
	onlyAlive(t, w, id)
}
