package agentkey_test

import (
	"errors"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// Trap 8: the owner flag is right at once for every usual caller.
func TestRevoke_killsAKeyWithOneRequest(t *testing.T) {
	tests := map[string]struct {
		caller, owner string
		requests      int
	}{
		"the owner":                   {creator, creator, 1},
		"the owner's token":           {"token of the creator", creator, 1},
		"a manager":                   {"manager", creator, 1},
		"a manager's API key":         {"API key of the manager", creator, 1},
		"a superuser":                 {"elastic", creator, 1},
		"a superuser's own":           {"elastic", "elastic", 1},
		"a manager's token, not told": {"token of the manager", creator, 3}, // Only the server knows whose token it is.
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, test.caller)
			ref, key := w.seedAs(t, test.owner, nil)
			w.mustLive(t, key, true)
			must(t, keys.Revoke(t.Context(), ref))
			w.mustSend(t, 0, test.requests)
			w.mustLive(t, key, false)
		})
	}
}

func TestRevoke_findsItsWayWhereTheOwnerIsUnknown(t *testing.T) {
	for _, caller := range []string{creator, "token of the creator", "manager", "API key of the manager", "elastic"} {
		w := newWorld(t)
		keys := w.service(t, caller)
		ref, key := w.seed(t, nil)
		must(t, keys.Revoke(t.Context(), agentkey.Ref{ID: ref.ID}))
		w.mustLive(t, key, false)
	}
}

func TestRevoke_succeedsWhenTheKeyIsDeadAlready(t *testing.T) {
	for _, caller := range []string{creator, "token of the creator", "manager", "API key of the manager", "elastic"} {
		t.Run(caller, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, caller)
			revoked, _ := w.seed(t, nil)
			must(t, w.Invalidate(t.Context(), revoked.ID))
			expired, _ := w.seed(t, map[string]any{"expiration": "5m"})
			w.clock.server.Advance(10 * time.Minute)
			for name, ref := range map[string]agentkey.Ref{
				"revoked": revoked, "expired": expired, "purged": {ID: "AAAAAAAAAAAAAAAAAAAA", Username: creator, Realm: "default_native"},
			} {
				if err := keys.Revoke(t.Context(), ref); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// Trap 4: success is what the server holds, not HTTP 200.
func TestRevoke_failsWhileTheKeyLives(t *testing.T) {
	for _, caller := range []string{"another", "reader", "nobody", "API key of the creator"} {
		t.Run(caller, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, caller)
			ref, key := w.seed(t, nil)
			err := keys.Revoke(t.Context(), ref)
			if caller == "another" {
				_ = mustBe[*agentkey.HiddenError](t, err)
			} else if alive := mustBe[*agentkey.StillAliveError](t, err); alive.ID != ref.ID || !errors.Is(err, apierror.ErrForbidden) {
				t.Errorf("got %v, want a refusal", err)
			}
			w.mustLive(t, key, true)
		})
	}
}

func TestRevoke_looksWhenTheAnswerNamesNoKey(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	ref, key := w.seed(t, nil)
	// A proxy, say, that answers in the server's place.
	w.Elasticsearch.Inject(fakestack.Respond(200, nil, `{"invalidated_api_keys":[],"previously_invalidated_api_keys":[],"error_count":0}`).
		On(fakestack.To("DELETE", "/_security/api_key")))
	alive := mustBe[*agentkey.StillAliveError](t, keys.Revoke(t.Context(), ref))
	if alive.Refusal != nil {
		t.Errorf("got the refusal %v", alive.Refusal)
	}
	w.mustLive(t, key, true)
}

func TestRevoke_isSureAfterALostAnswer(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{
		"closed": fakestack.CloseWithoutAnswer().After(), "reset": fakestack.Reset().After(), "504": fakestack.ProxyHTML(504).After(),
		"truncated":     fakestack.TruncateBody(),
		"closed before": fakestack.CloseWithoutAnswer(), "503 before": fakestack.ProxyHTML(503), "429 before": fakestack.TooManyRequests("3"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			ref, key := w.seed(t, nil)
			w.Elasticsearch.Inject(fault.Once())
			must(t, keys.Revoke(t.Context(), ref))
			w.mustLive(t, key, false)
		})
	}
}

func TestRevoke_failsWithTheServer(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{
		"500": fakestack.Respond(500, nil, ""), "errors with 200": fakestack.Respond(200, nil, `{"error_count":1,"error_details":[{"type":"t","reason":"r"}]}`),
		"no JSON": fakestack.Respond(200, nil, "done"), "redirect": fakestack.RedirectTo("http://elsewhere.invalid/"),
	} {
		w := newWorld(t)
		keys := w.service(t, creator)
		ref, key := w.seed(t, nil)
		w.Elasticsearch.Inject(fault.On(fakestack.To("DELETE", "/_security/api_key")))
		if err := keys.Revoke(t.Context(), ref); err == nil {
			t.Errorf("%s: success", name)
		} else {
			_ = mustBe[*apierror.Error](t, err)
		}
		w.mustLive(t, key, true)
	}
}
