package agentkey_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

const day = 24 * time.Hour

// skews are by how much this machine's clock is ahead of the server's.
var skews = []time.Duration{0, 3 * time.Second, -20 * time.Second, 5 * time.Minute, -5 * time.Minute, 400 * day, -400 * day}

// forEachSkew runs a test with every skew, in a world of its own, for the creator.
func forEachSkew(t *testing.T, test func(t *testing.T, w *world, keys *agentkey.Service)) {
	t.Helper()
	for _, skew := range skews {
		t.Run(skew.String(), func(t *testing.T) {
			w := newWorld(t)
			w.clock.ahead = skew
			test(t, w, w.service(t, creator))
		})
	}
}

// mustKnowNow asks the service for the server's time, by a key's age.
func (w *world) mustKnowNow(t *testing.T, keys *agentkey.Service, id string, creation time.Time) {
	t.Helper()
	now, err := keys.ServerNow(t.Context(), agentkey.Key{ID: id, Creation: creation})
	must(t, err)
	if off := now.Sub(w.Clock().Now()); off.Abs() > 30*time.Second {
		t.Errorf("the server's time is off by %s", off)
	}
}

// mustEnd checks on the server when a key ends; the zero time stands for never.
func (w *world) mustEnd(t *testing.T, id string, want time.Time) {
	t.Helper()
	w.mustEndAbout(t, id, want, 0)
}

// mustEndAbout is mustEnd where it hangs on how well the server's time is known.
func (w *world) mustEndAbout(t *testing.T, id string, want time.Time, tolerance time.Duration) {
	t.Helper()
	key, err := w.Key(t.Context(), id)
	must(t, err)
	if key.Expiration.Sub(want).Abs() > tolerance {
		t.Errorf("the key ends %s after it should", key.Expiration.Sub(want))
	}
}

func TestExpireCreated_countsFromTheCreation(t *testing.T) {
	forEachSkew(t, func(t *testing.T, w *world, keys *agentkey.Service) {
		created, err := keys.Create(t.Context(), spec)
		must(t, err)
		creation := w.Clock().Now()
		w.Clock().Advance(7 * time.Second)
		must(t, keys.ExpireCreated(t.Context(), created, 90*day))
		w.mustEnd(t, created.ID, creation.Add(90*day))
	})
}

func TestExpireCreated_endsAtOnceWhatHasOutlivedItsLife(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	created, err := keys.Create(t.Context(), spec)
	must(t, err)
	w.Clock().Advance(time.Minute)
	must(t, keys.ExpireCreated(t.Context(), created, 30*time.Second))
	w.mustEndAbout(t, created.ID, w.Clock().Now(), time.Millisecond)
}

func TestChange_movesTheEndWhateverTheClocksSay(t *testing.T) {
	forEachSkew(t, func(t *testing.T, w *world, keys *agentkey.Service) {
		ref, _ := w.seed(t, nil)
		creation := w.Clock().Now()
		w.Clock().Advance(40 * time.Minute)

		key, err := keys.Change(t.Context(), ref, agentkey.Change{Life: time.Hour})
		must(t, err)
		w.mustEndAbout(t, ref.ID, creation.Add(time.Hour), 5*time.Second)
		w.mustEnd(t, ref.ID, key.Expiration)
	})
}

func TestChange_refusesAnEndThatIsOver(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	ref, secret := w.seed(t, nil)
	w.Clock().Advance(40 * time.Minute)
	_, err := keys.Change(t.Context(), ref, agentkey.Change{Life: 30 * time.Minute})
	mustBe[*agentkey.PastEndError](t, err)
	w.mustLive(t, secret, true)
	w.mustEnd(t, ref.ID, time.Time{})
}

func TestChange_leavesTheEndWhereItIsNotAsked(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	ref, secret := w.seed(t, map[string]any{"expiration": "1h"})
	_, err := keys.Change(t.Context(), ref, agentkey.Change{Privileges: []string{"event:write"}})
	must(t, err)
	w.mustEnd(t, ref.ID, w.Clock().Now().Add(time.Hour))
	has, err := w.HasPrivileges(t.Context(), secret.Encoded, "event:write", "config_agent:read")
	must(t, err)
	if !has["event:write"] || has["config_agent:read"] {
		t.Errorf("the server grants %v", has)
	}
}

func TestRetire_leavesTheGraceOrTheRestOfTheLife(t *testing.T) {
	for life, want := range map[string]time.Duration{"": time.Hour, "30d": time.Hour, "20m": 15 * time.Minute} {
		t.Run("life "+life, func(t *testing.T) {
			forEachSkew(t, func(t *testing.T, w *world, keys *agentkey.Service) {
				changes := map[string]any{}
				if life != "" {
					changes["expiration"] = life
				}
				ref, secret := w.seed(t, changes)
				w.Clock().Advance(5 * time.Minute)
				end, err := keys.Retire(t.Context(), ref, time.Hour)
				must(t, err)
				w.mustEnd(t, ref.ID, w.Clock().Now().Add(want))
				w.mustEnd(t, ref.ID, end)
				w.mustLive(t, secret, true)
				w.Clock().Advance(want + time.Second)
				w.mustLive(t, secret, false)
			})
		})
	}
}

func TestRetire_believesNoEndThatIsLater(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	ref, secret := w.seed(t, map[string]any{"expiration": "90d"})
	w.Elasticsearch.Inject(fakestack.Respond(200, nil, `{"updated":false}`).On(fakestack.To("PUT", "/_security/api_key/"+ref.ID)))
	_, err := keys.Retire(t.Context(), ref, time.Hour)
	mustBe[*agentkey.StillAliveError](t, err)
	w.mustLive(t, secret, true)
}

func TestRetire_saysThatTheEndIsSetWhereItCannotBeSeen(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	ref, _ := w.seed(t, nil)
	put := false
	w.Elasticsearch.Inject(fakestack.Respond(403, nil, "").On(func(r *http.Request) bool {
		put = put || r.Method == http.MethodPut
		return put && r.Method == http.MethodPost
	}))
	_, err := keys.Retire(t.Context(), ref, time.Hour)
	if unconfirmed := mustBe[*agentkey.UnconfirmedError](t, err); unconfirmed.ID != ref.ID || unconfirmed.Grace != time.Hour {
		t.Errorf("got %v", err)
	}
	mustBe[*apierror.Error](t, err)
	w.mustEnd(t, ref.ID, w.Clock().Now().Add(time.Hour))
}

// An unchanged clock costs one request a run, whatever the number of keys; only one that is off costs more.
func TestServerNow_asksOnce(t *testing.T) {
	forEachSkew(t, func(t *testing.T, w *world, keys *agentkey.Service) {
		for i := range 3 {
			ref, _ := w.seed(t, map[string]any{"name": "checkout-" + strconv.Itoa(i)})
			creation := w.Clock().Now()
			w.Clock().Advance(10 * time.Minute)
			w.forget()
			w.mustKnowNow(t, keys, ref.ID, creation)
			switch sent := len(w.Elasticsearch.Requests()); {
			case i == 0 && w.clock.ahead.Abs() < 30*time.Second && sent != 1, i == 0 && sent > 40, i > 0 && sent > 0:
				t.Errorf("%d requests were sent", sent)
			}
		}
	})
}

func TestServerNow_isNotMisledByAQuestionThatIsPutOff(t *testing.T) {
	forEachSkew(t, func(t *testing.T, w *world, keys *agentkey.Service) {
		ref, _ := w.seed(t, nil)
		creation := w.Clock().Now()
		w.Clock().Advance(10 * time.Minute)
		w.Elasticsearch.Inject(fakestack.TooManyRequests("50").On(oneIn(3, fakestack.To("POST", "/_security/_query/api_key"))))
		w.mustKnowNow(t, keys, ref.ID, creation)
	})
}
