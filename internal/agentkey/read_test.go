package agentkey_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// whoSees are the callers who can see the creator's keys.
var whoSees = []string{creator, "token of the creator", "manager", "token of the manager", "API key of the manager", "reader", "elastic"}

func TestRead_findsALiveKeyWithOneRequest(t *testing.T) {
	w := newWorld(t)
	for _, caller := range whoSees {
		t.Run(caller, func(t *testing.T) {
			keys := w.service(t, caller)
			ref, _ := w.seed(t, nil)
			got, err := keys.Read(t.Context(), ref)
			must(t, err)
			if got.Condition != agentkey.Alive || got.Key.ID != ref.ID || got.Key.Username != creator || got.Key.Deviations() != nil {
				t.Errorf("got %+v", got)
			}
			if privileges, told := got.Key.Privileges(); !told || !slices.Equal(privileges, agentkey.Privileges()) {
				t.Errorf("privileges %v, %t", privileges, told)
			}
			w.mustSend(t, 0, 1)
		})
	}
}

// Trap 6: the dead are returned for a week and longer.
func TestRead_tellsHowAKeyDied(t *testing.T) {
	for _, caller := range whoSees {
		t.Run(caller, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, caller)
			revoked, _ := w.seed(t, nil)
			must(t, w.Invalidate(t.Context(), revoked.ID))
			expired, _ := w.seed(t, map[string]any{"expiration": "5m"})
			for ref, want := range map[agentkey.Ref]agentkey.Condition{revoked: agentkey.Revoked, expired: agentkey.Alive} {
				if got, err := keys.Read(t.Context(), ref); err != nil || got.Condition != want {
					t.Errorf("got the condition %d, %v, want %d", got.Condition, err, want)
				}
			}
			w.clock.server.Advance(5 * time.Minute)
			if got, err := keys.Read(t.Context(), expired); err != nil || got.Condition != agentkey.Expired || got.Key.ID != expired.ID {
				t.Errorf("got the condition %d, %v, want %d", got.Condition, err, agentkey.Expired)
			}
		})
	}
}

// The server's clock decides, whatever this machine's says.
func TestRead_judgesAnExpiryByTheServersClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Second, time.Hour, -time.Hour, 40 * 24 * time.Hour, -40 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			w.clock.ahead = ahead
			keys := w.service(t, creator)
			ref, key := w.seed(t, map[string]any{"expiration": "2h"})
			for _, step := range []time.Duration{0, time.Hour, 59 * time.Minute, 59 * time.Second, time.Second, time.Minute, 24 * time.Hour} {
				w.clock.server.Advance(step)
				want := agentkey.Expired
				if w.Authenticates(t.Context(), key.Encoded) {
					want = agentkey.Alive
				}
				if got, err := keys.Read(t.Context(), ref); err != nil || got.Condition != want {
					t.Errorf("after another %v: the condition %d, %v, want %d", step, got.Condition, err, want)
				}
			}
		})
	}
}

// Trap 5: what the caller could not see is not gone.
func TestRead_takesOnlyWhatItWouldSeeForMissing(t *testing.T) {
	gone := agentkey.Ref{ID: "AAAAAAAAAAAAAAAAAAAA", Username: creator, Realm: "default_native"}
	unknown := agentkey.Ref{ID: gone.ID}
	tests := map[string]struct {
		caller   string
		ref      agentkey.Ref
		hidden   bool
		requests int
	}{
		"the owner":                   {creator, gone, false, 3},
		"the owner's token":           {"token of the creator", gone, false, 3},
		"a manager":                   {"manager", gone, false, 2},
		"a manager's API key":         {"API key of the manager", gone, false, 2},
		"a reader":                    {"reader", gone, false, 2},
		"a superuser":                 {"elastic", gone, false, 2},
		"somebody else":               {"another", gone, true, 3},
		"the owner's API key":         {"API key of the creator", gone, true, 3},
		"the owner, unknown":          {creator, unknown, true, 3},
		"the owner, in another realm": {creator, agentkey.Ref{ID: gone.ID, Username: creator, Realm: "ldap1"}, true, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, test.caller)
			w.forget()
			got, err := keys.Read(t.Context(), test.ref)
			if test.hidden {
				hidden := mustBe[*agentkey.HiddenError](t, err)
				if hidden.Ref != test.ref || !strings.Contains(err.Error(), test.ref.ID) || !strings.Contains(err.Error(), hidden.Identity.String()) {
					t.Errorf("the error does not say who looked for what: %v", err)
				}
			} else if err != nil || got.Condition != agentkey.Missing {
				t.Errorf("got the condition %d, %v, want %d", got.Condition, err, agentkey.Missing)
			}
			w.mustSend(t, 0, test.requests)
		})
	}
}

// Kibana's key may live in another Elasticsearch: what was never seen here is not gone.
func TestRead_takesNothingForMissingThatWasNeverThere(t *testing.T) {
	for _, caller := range []string{"manager", "reader", "elastic", "API key of the manager"} {
		w := newWorld(t)
		keys := w.service(t, caller)
		ref := agentkey.Ref{ID: "AAAAAAAAAAAAAAAAAAAA"}
		for what, look := range map[string]func() error{
			"read":    func() error { _, err := keys.Read(t.Context(), ref); return err },
			"refresh": func() error { _, err := keys.Refresh(t.Context(), ref); return err },
		} {
			t.Run(caller+" "+what, func(t *testing.T) { mustBe[*agentkey.StrangeError](t, look()) })
		}
	}
}

// A purged key, a machine whose clock is corrected within a run: arithmetic is no proof of death.
func TestRead_takesNoLiveKeyForExpired(t *testing.T) {
	for _, step := range []time.Duration{30 * day, -30 * day} {
		w := newWorld(t)
		keys := w.service(t, creator)
		w.clock.ahead = -step
		ref, secret := w.seed(t, map[string]any{"expiration": "1d"})
		if got, err := keys.Read(t.Context(), ref); err != nil || got.Condition != agentkey.Alive {
			t.Fatalf("got the condition %d, %v", got.Condition, err)
		}
		w.clock.ahead = 0
		if got, err := keys.Read(t.Context(), ref); err != nil || got.Condition != agentkey.Alive {
			t.Errorf("stepped by %s: got the condition %d, %v", step, got.Condition, err)
		}
		w.mustLive(t, secret, true)
	}
}

func TestServerNow_ofAKeyThatDisappearsIsAnError(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	if now, err := keys.ServerNow(t.Context(), agentkey.Key{ID: "AAAAAAAAAAAAAAAAAAAA", Creation: w.Clock().Now()}); err == nil {
		t.Errorf("got %s", now)
	}
	ref, _ := w.seed(t, nil)
	now, err := keys.ServerNow(t.Context(), agentkey.Key{ID: ref.ID, Creation: w.Clock().Now()})
	if must(t, err); !now.Equal(w.Clock().Now()) {
		t.Error("the failure is remembered")
	}
}

func TestRead_hidesNothingThatExists(t *testing.T) {
	w := newWorld(t)
	ref, key := w.seed(t, nil)
	for _, caller := range []string{"another", "API key of the creator"} {
		_, err := w.service(t, caller).Read(t.Context(), ref)
		_ = mustBe[*agentkey.HiddenError](t, err)
	}
	_, err := w.service(t, "nobody").Read(t.Context(), ref)
	if !errors.Is(err, apierror.ErrForbidden) {
		t.Errorf("got %v, want a refusal", err)
	}
	w.mustLive(t, key, true)
}

func TestRead_takesNoFailureForMissing(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{
		"query":      fakestack.Respond(500, nil, "").On(fakestack.To("", "/_security/_query/api_key")),
		"privileges": fakestack.Respond(500, nil, "").On(fakestack.To("", "/_security/user/_has_privileges")),
		"identity":   fakestack.Respond(500, nil, "").On(fakestack.To("", "/_security/_authenticate")),
		"no list":    fakestack.RewriteBody(func(body map[string]any) { delete(body, "total") }).On(fakestack.To("", "/_security/_query/api_key")),
		"no name":    fakestack.RewriteBody(func(body map[string]any) { delete(body, "username") }).On(fakestack.To("", "/_security/_authenticate")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			w.Elasticsearch.Inject(fault)
			_, err := keys.Read(t.Context(), agentkey.Ref{ID: "AAAAAAAAAAAAAAAAAAAA", Username: creator, Realm: "default_native"})
			_ = mustBe[*apierror.Error](t, err)
		})
	}
}
