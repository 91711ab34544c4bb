package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// The fault matrix crosses every request that the provider makes with every way in which it can fail, before the server
// acts and after. Whatever happens, six things must hold, and the server is asked for them:
//
//  1. Every key that is alive is in the state, was named to the user by id, or has an end that the server holds. Where the
//     search for a key fails too, the user is told what to look for, and the next run names it.
//  2. One apply never makes two keys of one resource.
//  3. No key leaves the state while it is alive, unless the server holds its end.
//  4. After a destruction that reports success, no key of that state authenticates, unless it is in its grace period.
//  5. No secret of any key that Kibana has made is in a diagnostic or in the log, in any form.
//  6. A key with revoke_after that was handed out authenticates as long as it is in the state, and for that long after.
//
// What each of them catches is shown by taking out the code that keeps it; see the tests named TestInvariant.

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
	// found is the id of a key that the user has from elsewhere.
	found string
	// seeking says that a key whose answer was lost may be named by the next run.
	seeking bool
	ids     map[string]bool     // of every key that was ever in the state
	handed  map[string]*handOut // by id
	keys    int                 // on the server at the last look
	// secrets are those of the users, and of every key that Kibana has made.
	secrets acctest.Secrets

	mu sync.Mutex
	// issued are the keys that Kibana has made, also those whose answer was lost: id to encoded.
	issued map[string]string
}

// handOut is a key that others have got from the state, where it was last at a time.
type handOut struct {
	grace time.Duration
	last  time.Time
}

// newFaultRun starts a world.
func newFaultRun(t *testing.T) *faultRun {
	t.Helper()
	w := acctest.New(t)
	f := &faultRun{T: t, w: w, ids: map[string]bool{}, handed: map[string]*handOut{}, issued: map[string]string{}}
	f.core = w.Core(t, nil)
	f.core.Context = tflogtest.RootLogger(context.Background(), &f.log)
	f.secrets.AddBasic("the password", w.Username, w.Password)
	inject(t, w.Stack.Kibana, fakestack.Watch(f.issue).On(toCreate))
	return f
}

// issue notes a key that Kibana has made.
func (f *faultRun) issue(answer *fakestack.Answer) {
	var body struct {
		Key struct {
			ID      string `json:"id"`
			Encoded string `json:"encoded"`
		} `json:"agentKey"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil || body.Key.ID == "" {
		return
	}
	f.secrets.AddKey("key "+body.Key.ID, body.Key.Encoded)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.issued[body.Key.ID] = body.Key.Encoded
}

// encodedOf returns what agents send for a key.
func (f *faultRun) encodedOf(id string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued[id]
}

// authenticates asks the server whether a key works.
func (f *faultRun) authenticates(id string) bool {
	return f.w.Authenticates(f.Context(), f.encodedOf(id))
}

// familiar has the provider ask as the owner of the keys.
func (f *faultRun) familiar() { f.as(f.w.ProviderConfig(f.w.BasicAuth(), nil)) }

// stranger has the provider ask as somebody who sees none of the keys.
func (f *faultRun) stranger() {
	someone := user(f.T, f.w, cluster("manage_own_api_key"))
	credentials := credentialsOf(someone)
	f.secrets.AddBasic("the stranger's password", credentials.Username, credentials.Password)
	f.as(f.w.ProviderConfig(f.w.BasicAuth(), someone))
}

// as has the provider ask with this configuration.
func (f *faultRun) as(provider map[string]any) {
	f.provider = provider
	f.core.SetProvider(provider)
}

// patience has the provider wait for an answer no longer than this.
func (f *faultRun) patience(timeout string) {
	if f.provider == nil {
		f.familiar()
	}
	f.provider["request_timeout"] = timeout
}

// front returns the stand-in for a product.
func (f *faultRun) front(product string) *fakestack.Front {
	if product == "Kibana" {
		return f.w.Stack.Kibana
	}
	return f.w.Stack.Elasticsearch
}

// finish waits until the servers have done what they were asked to, also by a provider that waits no more: what comes next
// must find it done.
func (f *faultRun) finish() {
	f.w.Stack.Kibana.Finish()
	f.w.Stack.Elasticsearch.Finish()
}

// ran notes what a command has told and left, and checks the invariants.
func (f *faultRun) ran(diagnostics acctest.Diagnostics) acctest.Diagnostics {
	f.Helper()
	f.finish()
	f.told.WriteString(diagnostics.String())
	succeeded := len(diagnostics.Errors()) == 0
	state := f.core.State()
	if id, _ := state["id"].(string); id != "" {
		f.ids[id] = true
		// Whoever depends on a key gets it once the run has succeeded.
		after, _ := state["revoke_after"].(string)
		if grace, err := time.ParseDuration(after); err == nil && succeeded {
			f.handed[id] = &handOut{grace: grace}
		}
	}
	f.check(succeeded)
	return diagnostics
}

// check asks the server whether the invariants hold.
func (f *faultRun) check(succeeded bool) {
	f.Helper()
	keys := f.count()
	held := f.core.Deposed()
	if id, _ := f.core.State()["id"].(string); id != "" {
		held = append(held, id)
	}
	live := f.w.LiveKeys(f.T)
	for _, key := range keys {
		if !slices.Contains(live, key.ID) || slices.Contains(held, key.ID) {
			continue
		}
		told := f.told.String()
		retired := !key.Expiration.IsZero() && key.Expiration.Sub(f.w.Stack.Clock().Now()) <= graceTime
		switch {
		case retired:
		case f.ids[key.ID]:
			f.Errorf("invariant 3: key %s has left the state alive", key.ID)
		case strings.Contains(told, key.ID):
		case f.seeking && strings.Contains(told, "may or may not have been created") && strings.Contains(told, key.Name):
		default:
			f.Errorf("invariant 1: nobody knows of the live key %s", key.ID)
		}
	}
	if succeeded && len(held) == 0 {
		for id := range f.ids {
			if key, err := f.w.Key(f.Context(), id); err == nil && key.Expiration.IsZero() && f.authenticates(id) {
				f.Errorf("invariant 4: key %s authenticates after the destruction", id)
			}
		}
	}
	f.works(held)
}

// count counts the keys that a command has made.
func (f *faultRun) count() []fakestack.KeyRecord {
	f.Helper()
	keys := f.w.OwnKeys(f.T)
	if made := len(keys) - f.keys; made > 1 {
		f.Errorf("invariant 2: one command has made %d keys", made)
	}
	f.keys = len(keys)
	return keys
}

// works checks that the keys that were handed out work as long as they must. A key that has died stays dead, so to ask
// after a command is to ask at any time during it.
func (f *faultRun) works(held []string) {
	f.Helper()
	now := f.w.Stack.Clock().Now()
	for id, key := range f.handed {
		if slices.Contains(held, id) {
			key.last = now
		}
		if now.Before(key.last.Add(key.grace)) && !f.authenticates(id) {
			f.Errorf("invariant 6: key %s does not work any more, and has left the state %s ago", id, now.Sub(key.last))
		}
	}
}

// recover runs Terraform again, without the fault, until the end of the key's life.
func (f *faultRun) recover(request request) {
	f.Helper()
	f.familiar()
	f.seeking = false
	if request.imports && f.core.State() == nil {
		f.must("import", f.ran(request.command(f)))
	}
	f.must("apply", f.ran(f.core.Run(request.want)))
	if plan := f.core.Plan(request.want); plan.Action != acctest.NoOp {
		f.Errorf("after an apply without a fault the plan is to %s\n%s", plan.Action, plan.Diagnostics)
	}
	f.must("destruction", f.ran(f.core.Destroy()))
	if f.core.State() != nil {
		f.Error("the destruction after the fault leaves a state")
	}
	for _, secret := range f.secrets.In(f.told.String() + f.log.String()) {
		f.Errorf("invariant 5: %s is in the diagnostics or in the log", secret)
	}
}

// must fails the test if a command without a fault has failed.
func (f *faultRun) must(command string, diagnostics acctest.Diagnostics) {
	f.Helper()
	if len(diagnostics.Errors()) > 0 {
		f.Errorf("the %s after the fault fails:\n%s", command, diagnostics)
	}
}
