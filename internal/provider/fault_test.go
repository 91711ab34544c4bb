package provider_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// The fault matrix crosses every request that the provider makes with every way in which it can fail, before the server
// acts and after. Whatever happens, five things must hold, and the server is asked for them:
//
//  1. Every key that is alive is in the state, was named to the user by id, or has an end that the server holds.
//  2. One apply never makes two keys of one resource.
//  3. No key leaves the state while it is alive, unless the server holds its end.
//  4. After a destruction that reports success, no key of that state authenticates, unless it is in its grace period.
//  5. No secret is in a diagnostic or in the log.
//
// What each of them catches is shown by taking out the code that keeps it; see the tests named TestInvariant.

// request is one of the requests that the provider makes, with the command that makes it.
type request struct {
	name    string
	product string // "Kibana" or "Elasticsearch"
	match   func(*http.Request) bool
	// prepare brings the world to where the command is next.
	prepare func(f *faultRun)
	// command is the run of Terraform that fails.
	command func(f *faultRun) acctest.Diagnostics
	// want is the configuration from then on.
	want map[string]any
	// refuses says that the command ends with an error even without a fault.
	refuses bool
}

// graceTime is the longest revoke_after of the matrix, and a little more.
const graceTime = time.Hour + time.Minute

// faultRun is one pair of the matrix, and what is known of it so far.
type faultRun struct {
	*testing.T
	w    *acctest.World
	core *acctest.Core
	// provider is the provider's configuration; nil is that of the world's user.
	provider map[string]any
	// told is everything that the user was told, log everything that was logged.
	told strings.Builder
	log  bytes.Buffer
	// secrets are those of every key that was ever in the state.
	secrets []string
	ids     map[string]string // id to encoded, of every key that was ever in the state
	keys    int               // on the server at the last look
}

var (
	toCreate       = fakestack.To("POST", createRoute)
	toUpdate       = fakestack.To("PUT", keyRoute+"/*")
	toAuthenticate = fakestack.To("GET", whoRoute)
	toPrivileges   = fakestack.To("POST", mayRoute)
)

// basic is the configuration of most pairs; ending has every call in it that a life can have.
var (
	basic  = config("checkout")
	ending = adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d", "revoke_after", "1h")
)

func apply(want map[string]any) func(*faultRun) acctest.Diagnostics {
	return func(f *faultRun) acctest.Diagnostics { return f.core.Run(want) }
}

func destroy(f *faultRun) acctest.Diagnostics { return f.core.Destroy() }

func refresh(f *faultRun) acctest.Diagnostics { return f.core.Refresh() }

// having prepares a key of this configuration.
func having(want map[string]any) func(*faultRun) {
	return func(f *faultRun) { f.ran(f.core.Run(want)) }
}

func nothing(*faultRun) {}

// requests are all that the provider makes.
func requests() []request {
	const kibana, elasticsearch = "Kibana", "Elasticsearch"
	less := adding(basic, "privileges", []string{"event:write"})
	renamed := adding(basic, "name", "basket")
	return []request{
		{name: "create", product: kibana, match: toCreate, prepare: nothing, command: apply(basic), want: basic},
		{name: "create of a replacement", product: kibana, match: toCreate, prepare: having(basic), command: apply(renamed), want: renamed},
		{name: "create before destroy", product: kibana, match: toCreate, prepare: func(f *faultRun) {
			f.core.CreateBeforeDestroy = true
			having(ending)(f)
		}, command: apply(adding(ending, "name", "basket")), want: adding(ending, "name", "basket")},
		{name: "read after create", product: elasticsearch, match: toQuery, prepare: nothing, command: apply(basic), want: basic},
		{name: "end of a new key", product: elasticsearch, match: toUpdate, prepare: nothing, command: apply(ending), want: ending},
		{name: "refresh", product: elasticsearch, match: toQuery, prepare: having(basic), command: refresh, want: basic},
		{name: "refresh of a key that ends", product: elasticsearch, match: nth(2, toQuery), prepare: having(ending), command: refresh, want: ending},
		{name: "is everything visible", product: elasticsearch, match: toPrivileges, prepare: func(f *faultRun) {
			having(basic)(f)
			f.stranger()
		}, command: refresh, want: basic, refuses: true},
		{name: "who asks", product: elasticsearch, match: toAuthenticate, prepare: func(f *faultRun) {
			having(basic)(f)
			f.stranger()
		}, command: refresh, want: basic, refuses: true},
		{name: "who owns", product: elasticsearch, match: toAuthenticate, prepare: having(basic), command: apply(less), want: less},
		{name: "does the owner have the privileges", product: elasticsearch, match: toPrivileges, prepare: having(basic), command: apply(less), want: less},
		{name: "change", product: elasticsearch, match: toUpdate, prepare: having(basic), command: apply(less), want: less},
		{name: "read after change", product: elasticsearch, match: after("PUT", toQuery), prepare: having(basic), command: apply(less), want: less},
		{name: "move of the end", product: elasticsearch, match: toUpdate, prepare: having(ending), command: apply(adding(ending, "expires_in", "80d")), want: adding(ending, "expires_in", "80d")},
		{name: "revoke", product: elasticsearch, match: toRevoke, prepare: having(basic), command: destroy, want: basic},
		{name: "revoke of a replaced key", product: elasticsearch, match: toRevoke, prepare: having(basic), command: apply(renamed), want: renamed},
		{name: "revoke after create", product: elasticsearch, match: toRevoke, prepare: func(f *faultRun) {
			f.core.CreateBeforeDestroy = true
			having(basic)(f)
		}, command: apply(renamed), want: renamed},
		{name: "look after a revoke that named nothing", product: elasticsearch, match: after("DELETE", toQuery), prepare: func(f *faultRun) {
			having(basic)(f)
			// Somebody is quicker, so that nothing is left to revoke.
			id := idOf(f.T, f.core)
			inject(f.T, f.w.Stack.Elasticsearch, fakestack.Hook(func(*http.Request) { revoke(f.T, f.w, id) }).On(toRevoke).Once())
		}, command: destroy, want: basic},
		{name: "read before the grace period", product: elasticsearch, match: nth(3, toQuery), prepare: having(ending), command: destroy, want: ending},
		{name: "grace period", product: elasticsearch, match: toUpdate, prepare: having(ending), command: destroy, want: ending},
		{name: "read in the grace period", product: elasticsearch, match: after("PUT", toQuery), prepare: having(ending), command: destroy, want: ending},
		{name: "grace period of a replaced key", product: elasticsearch, match: toUpdate, prepare: having(adding(basic, "revoke_after", "1h")), command: apply(renamed), want: renamed},
	}
}

// nth matches the nth of the requests that match, and all later ones.
func nth(n int64, match func(*http.Request) bool) func(*http.Request) bool {
	var seen atomic.Int64
	return func(r *http.Request) bool { return match(r) && seen.Add(1) >= n }
}

// after matches what matches once a request of the method was there.
func after(method string, match func(*http.Request) bool) func(*http.Request) bool {
	var seen atomic.Bool
	return func(r *http.Request) bool {
		if r.Method == method {
			seen.Store(true)
		}
		return seen.Load() && match(r)
	}
}

// newFaultRun starts a world.
func newFaultRun(t *testing.T) *faultRun {
	w := acctest.New(t)
	f := &faultRun{T: t, w: w, ids: map[string]string{}}
	f.core = w.Core(t, nil)
	f.core.Context = tflogtest.RootLogger(context.Background(), &f.log)
	return f
}

// familiar has the provider ask as the owner of the keys.
func (f *faultRun) familiar() { f.as(f.w.ProviderConfig(f.w.BasicAuth(), nil)) }

// stranger has the provider ask as somebody who sees none of the keys.
func (f *faultRun) stranger() {
	f.as(f.w.ProviderConfig(f.w.BasicAuth(), user(f.T, f.w, cluster("manage_own_api_key"))))
}

// as has the provider ask with this configuration.
func (f *faultRun) as(provider map[string]any) {
	f.provider = provider
	f.core.SetProvider(provider)
}

// impatient has the provider wait for an answer no longer than it must.
func (f *faultRun) impatient() {
	if f.provider == nil {
		f.familiar()
	}
	f.provider["request_timeout"] = "1s"
}

// front returns the stand-in for a product.
func (f *faultRun) front(product string) *fakestack.Front {
	if product == "Kibana" {
		return f.w.Stack.Kibana
	}
	return f.w.Stack.Elasticsearch
}

// ran notes what a command has told and left, and checks the invariants.
func (f *faultRun) ran(diagnostics acctest.Diagnostics) acctest.Diagnostics {
	f.Helper()
	f.told.WriteString(diagnostics.String())
	f.note(f.core.State())
	f.check(len(diagnostics.Errors()) == 0)
	return diagnostics
}

// note remembers the key of a state.
func (f *faultRun) note(state map[string]any) {
	id, _ := state["id"].(string)
	apiKey, _ := state["api_key"].(string)
	encoded, _ := state["encoded"].(string)
	if id != "" {
		f.ids[id] = encoded
		f.secrets = append(f.secrets, apiKey, encoded)
	}
}

// check asks the server whether the invariants hold.
func (f *faultRun) check(succeeded bool) {
	f.Helper()
	keys := f.w.OwnKeys(f.T)
	if made := len(keys) - f.keys; made > 1 {
		f.Errorf("invariant 2: one command has made %d keys", made)
	}
	f.keys = len(keys)
	held := f.core.Deposed()
	if id, _ := f.core.State()["id"].(string); id != "" {
		held = append(held, id)
	}
	live := f.w.LiveKeys(f.T)
	for _, key := range keys {
		if !slices.Contains(live, key.ID) || slices.Contains(held, key.ID) {
			continue
		}
		retired := !key.Expiration.IsZero() && key.Expiration.Sub(f.w.Stack.Clock().Now()) <= graceTime
		_, left := f.ids[key.ID]
		switch {
		case retired:
		case left:
			f.Errorf("invariant 3: key %s has left the state alive", key.ID)
		case !strings.Contains(f.told.String(), key.ID):
			f.Errorf("invariant 1: nobody knows of the live key %s", key.ID)
		}
	}
	if succeeded && len(held) == 0 {
		for id, encoded := range f.ids {
			if key, err := f.w.Key(f.Context(), id); err == nil && key.Expiration.IsZero() && encoded != "" && f.w.Authenticates(f.Context(), encoded) {
				f.Errorf("invariant 4: key %s authenticates after the destruction", id)
			}
		}
	}
	for _, secret := range append(f.secrets, f.w.Password) {
		if secret != "" && (strings.Contains(f.told.String(), secret) || strings.Contains(f.log.String(), secret)) {
			f.Error("invariant 5: a secret is in the diagnostics or in the log")
		}
	}
}

// recover runs Terraform again, without the fault, until the end of the key's life.
func (f *faultRun) recover(want map[string]any) {
	f.Helper()
	f.familiar()
	diagnostics := f.ran(f.core.Run(want))
	if len(diagnostics.Errors()) > 0 {
		f.Errorf("the apply after the fault fails:\n%s", diagnostics)
	}
	if plan := f.core.Plan(want); plan.Action != acctest.NoOp {
		f.Errorf("after an apply without a fault the plan is to %s\n%s", plan.Action, plan.Diagnostics)
	}
	if diagnostics := f.ran(f.core.Destroy()); len(diagnostics.Errors()) > 0 || f.core.State() != nil {
		f.Errorf("the destruction after the fault fails:\n%s", diagnostics)
	}
}
