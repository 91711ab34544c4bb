package agentkey_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

func TestCreate_sendsOneRequest(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	w.forget()
	created, err := keys.Create(t.Context(), spec)
	must(t, err)
	w.mustSend(t, 1, 0)
	if got := w.ids(t); !slices.Equal(got, []string{created.ID}) {
		t.Errorf("the server holds %v", got)
	}
	w.mustLive(t, fakestack.APIKey{Encoded: created.Encoded.Reveal()}, true)
}

// losses are faults that lose Kibana's answer after the key was made.
func losses() map[string]fakestack.Fault {
	change := func(field string, value any) fakestack.Fault {
		return fakestack.RewriteBody(func(body map[string]any) { body["agentKey"].(map[string]any)[field] = value })
	}
	return map[string]fakestack.Fault{
		"reset": fakestack.Reset().After(), "closed": fakestack.CloseWithoutAnswer().After(), "truncated": fakestack.TruncateBody(),
		"too large": fakestack.HugeBody(17 << 20), "a proxy's 504": fakestack.ProxyHTML(504).After(), "500": fakestack.Respond(500, nil, "").After(),
		"408": fakestack.Respond(408, nil, "").After(), "no JSON": fakestack.Respond(200, nil, "<html>").After(),
		"without id": change("id", ""), "without secret": change("api_key", nil), "another name": change("name", "x"), "wrong encoded": change("encoded", "eDp5"),
	}
}

// The key is alive, and its secret is lost: it must be named.
func TestCreate_namesTheKeyWhoseAnswerIsLost(t *testing.T) {
	for name, fault := range losses() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, "manager")
			started := w.clock.Now()
			w.Kibana.Inject(fault.Once())
			created, err := keys.Create(t.Context(), spec)
			undecided := mustBe[*agentkey.UndecidedError](t, err)
			if !created.APIKey.IsZero() || created.ID != "" {
				t.Error("a key is returned with an error")
			}
			if got := w.ids(t); len(got) != 1 || len(undecided.Candidates) != 1 || undecided.Candidates[0].ID != got[0] {
				t.Errorf("the server holds %v, named are %v", got, candidates(undecided))
			}
			if undecided.SearchFailure != nil || undecided.Creator.Username != creator || !undecided.Since.Equal(started) || undecided.Spec.Name != spec.Name {
				t.Errorf("got %+v", undecided)
			}
			if requests := len(w.Kibana.Requests()); requests != 1 {
				t.Errorf("%d requests were sent to Kibana, want 1", requests)
			}
			if !errors.Is(err, undecided.Cause.Kind) || !strings.Contains(err.Error(), spec.Name) {
				t.Errorf("the error does not say what was lost why: %v", err)
			}
		})
	}
}

func TestCreate_namesNoKeyWhenNothingArrived(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{
		"reset": fakestack.Reset(), "closed": fakestack.CloseWithoutAnswer(), "a proxy's 502": fakestack.ProxyHTML(502), "a proxy's 503": fakestack.ProxyHTML(503),
		"500": fakestack.Respond(500, nil, ""), "no JSON": fakestack.Respond(200, nil, "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			w.Kibana.Inject(fault.Once())
			_, err := keys.Create(t.Context(), spec)
			undecided := mustBe[*agentkey.UndecidedError](t, err)
			if len(undecided.Candidates) > 0 || undecided.SearchFailure != nil {
				t.Errorf("named are %v, %v", candidates(undecided), undecided.SearchFailure)
			}
			if got := w.ids(t); len(got) != 0 {
				t.Errorf("the server holds %v", got)
			}
			if requests := len(w.Kibana.Requests()); requests != 1 {
				t.Errorf("%d requests were sent to Kibana, want 1", requests)
			}
		})
	}
}

type refusal struct {
	fault fakestack.Fault
	kind  error
}

// refusals are answers which say that there is no key.
func refusals() map[string]refusal {
	return map[string]refusal{
		"401":      {fakestack.Respond(401, nil, `{"statusCode":401,"message":"Unauthorized"}`), apierror.ErrUnauthorized},
		"403":      {fakestack.Respond(403, nil, `{"statusCode":403,"message":"Forbidden"}`), apierror.ErrForbidden},
		"redirect": {fakestack.RedirectTo("https://elsewhere.invalid/"), apierror.ErrRedirect},
		"500":      {fakestack.Respond(500, nil, `{"statusCode":500,"message":"creating derived api keys requires"}`), apierror.ErrDerivedKey},
	}
}

func TestCreate_isDecidedWhenItWasRefused(t *testing.T) {
	for name, test := range refusals() {
		w := newWorld(t)
		keys := w.service(t, creator)
		w.seedAs(t, "another", nil)
		w.Kibana.Inject(test.fault)
		_, err := keys.Create(t.Context(), spec)
		var undecided *agentkey.UndecidedError
		if !errors.Is(err, test.kind) || errors.As(err, &undecided) {
			t.Errorf("%s: got %v", name, err)
		}
		if requests := len(w.Kibana.Requests()); requests != 1 {
			t.Errorf("%s: %d requests were sent to Kibana, want 1", name, requests)
		}
	}
}

// Whatever stands before Kibana may refuse when Kibana has acted.
func TestCreate_believesNoRefusalThatAKeySpeaksAgainst(t *testing.T) {
	for name, test := range refusals() {
		w := newWorld(t)
		keys := w.service(t, creator)
		w.Kibana.Inject(test.fault.After())
		_, err := keys.Create(t.Context(), spec)
		if undecided := mustBe[*agentkey.UndecidedError](t, err); !slices.Equal(candidates(undecided), w.ids(t)) || !errors.Is(err, test.kind) {
			t.Errorf("%s: the server holds %v, named are %v", name, w.ids(t), candidates(undecided))
		}
	}
}

// Nothing is named that the lost request cannot have made.
func TestCreate_namesNoOtherKey(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	older, _ := w.seed(t, nil)
	w.clock.server.Advance(10 * time.Second)
	first, err := keys.Create(t.Context(), spec)
	must(t, err)
	revoked, _ := w.seed(t, nil)
	must(t, w.Invalidate(t.Context(), revoked.ID))
	w.seedAs(t, "another", nil)
	w.seedAs(t, "elastic", nil)
	w.seed(t, map[string]any{"name": "other"})
	w.seed(t, map[string]any{"metadata": map[string]any{"application": "other"}})
	w.seed(t, map[string]any{"role_descriptors": descriptors("event:write")})
	before := w.ids(t)

	w.Kibana.Inject(fakestack.CloseWithoutAnswer().After().Once())
	_, err = keys.Create(t.Context(), spec)
	undecided := mustBe[*agentkey.UndecidedError](t, err)
	made := slices.DeleteFunc(w.ids(t), func(id string) bool { return slices.Contains(before, id) })
	if len(made) != 1 || !slices.Equal(candidates(undecided), made) {
		t.Errorf("made %v, named %v, older %s, first %s", made, candidates(undecided), older.ID, first.ID)
	}
}

// Users of two realms may have the same name.
func TestCreate_namesNoKeyOfANamesakeInAnotherRealm(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	w.seed(t, nil)
	w.Kibana.Inject(fakestack.CloseWithoutAnswer())
	w.Elasticsearch.Inject(fakestack.RewriteBody(func(body map[string]any) {
		for _, key := range body["api_keys"].([]any) {
			key.(map[string]any)["realm"] = "ldap1"
		}
	}).On(fakestack.To("", "/_security/_query/api_key")))
	_, err := keys.Create(t.Context(), spec)
	if undecided := mustBe[*agentkey.UndecidedError](t, err); len(undecided.Candidates) > 0 {
		t.Errorf("named are %v", candidates(undecided))
	}
}

// The search does not depend on this machine's clock.
func TestCreate_findsTheKeyWhateverThisMachinesClockSays(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour} {
		w := newWorld(t)
		w.clock.ahead = ahead
		keys := w.service(t, creator)
		w.Kibana.Inject(fakestack.CloseWithoutAnswer().After().Once())
		_, err := keys.Create(t.Context(), spec)
		if undecided := mustBe[*agentkey.UndecidedError](t, err); !slices.Equal(candidates(undecided), w.ids(t)) {
			t.Errorf("%v ahead: the server holds %v, named are %v", ahead, w.ids(t), candidates(undecided))
		}
	}
}

// A create waits for the index refresh: the key may come up only after the connection was lost.
func TestCreate_looksAgainForAKeyThatComesUpLate(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	pauses := 0
	var late agentkey.Ref
	w.clock.sleeping = func() {
		pauses++
		if pauses == 3 {
			late, _ = w.seed(t, nil)
		}
	}
	w.Kibana.Inject(fakestack.Reset().Once())
	_, err := keys.Create(t.Context(), spec)
	if undecided := mustBe[*agentkey.UndecidedError](t, err); !slices.Equal(candidates(undecided), []string{late.ID}) {
		t.Errorf("named are %v, want %s", candidates(undecided), late.ID)
	}
}

// oneIn matches the first of every n requests that match.
func oneIn(n int64, match func(*http.Request) bool) func(*http.Request) bool {
	var count atomic.Int64
	return func(r *http.Request) bool { return match(r) && count.Add(1)%n == 1 }
}

// Elasticsearch is busy, so that the question arrives when the key is older than it was when the question was asked.
func TestCreate_findsTheKeyHoweverLongTheSearchIsPutOff(t *testing.T) {
	for _, wait := range []string{"3", "10", "20"} {
		t.Run(wait+" s", func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			w.Kibana.Inject(fakestack.Reset().After().Once())
			w.Elasticsearch.Inject(fakestack.TooManyRequests(wait).On(oneIn(2, fakestack.To("POST", "/_security/_query/api_key"))))
			_, err := keys.Create(t.Context(), spec)
			undecided := mustBe[*agentkey.UndecidedError](t, err)
			if !slices.Equal(candidates(undecided), w.ids(t)) {
				t.Errorf("the server holds %v, named are %v, %v", w.ids(t), candidates(undecided), undecided.SearchFailure)
			}
		})
	}
}

func TestCreate_saysThatItCouldNotLook(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{
		"who am I": fakestack.Respond(500, nil, "").On(fakestack.To("", "/_security/_authenticate")),
		"nobody":   fakestack.Respond(200, nil, "{}").On(fakestack.To("", "/_security/_authenticate")),
		"query":    fakestack.ProxyHTML(404).On(fakestack.To("", "/_security/_query/api_key")),
		"no list":  fakestack.Respond(200, nil, "{}").On(fakestack.To("", "/_security/_query/api_key")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			w.Kibana.Inject(fakestack.CloseWithoutAnswer().After().Once())
			w.Elasticsearch.Inject(fault)
			_, err := keys.Create(t.Context(), spec)
			undecided := mustBe[*agentkey.UndecidedError](t, err)
			if undecided.SearchFailure == nil || len(undecided.Candidates) > 0 {
				t.Errorf("named are %v, %v", candidates(undecided), undecided.SearchFailure)
			}
			if len(w.ids(t)) != 1 {
				t.Error("the fault has lost no key")
			}
		})
	}
}

// An interrupt cuts neither a create that is under way nor the search for it.
func TestCreate_goesOnWhenInterrupted(t *testing.T) {
	for name, lost := range map[string]bool{"answered": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			ctx, interrupt := context.WithCancel(t.Context())
			w.Kibana.Inject(fakestack.Hook(func(*http.Request) { interrupt() }))
			if lost {
				w.Kibana.Inject(fakestack.CloseWithoutAnswer().After())
			}
			created, err := keys.Create(ctx, spec)
			if !lost {
				must(t, err)
				w.mustLive(t, fakestack.APIKey{Encoded: created.Encoded.Reveal()}, true)
				return
			}
			if undecided := mustBe[*agentkey.UndecidedError](t, err); !slices.Equal(candidates(undecided), w.ids(t)) || len(undecided.Candidates) != 1 {
				t.Errorf("the server holds %v, named are %v", w.ids(t), candidates(undecided))
			}
		})
	}
}

func TestCreate_sendsNothingWhenInterruptedBefore(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	w.forget()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	_, err := keys.Create(ctx, spec)
	if failure := mustBe[*apierror.Error](t, err); !errors.Is(err, apierror.ErrInterrupted) || !failure.Undelivered {
		t.Errorf("got %v", err)
	}
	w.mustSend(t, 0, 0)
}

func candidates(undecided *agentkey.UndecidedError) []string {
	var ids []string
	for _, key := range undecided.Candidates {
		ids = append(ids, key.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestDescribe_namesLiveNamesakesAlone(t *testing.T) {
	w := newWorld(t)
	w.seed(t, map[string]any{"expiration": "1h"})
	revoked, _ := w.seed(t, nil)
	must(t, w.Invalidate(t.Context(), revoked.ID))
	w.Clock().Advance(2 * time.Hour)
	left, _ := w.seed(t, nil)
	keys := w.service(t, creator)
	created, err := keys.Create(t.Context(), spec)
	must(t, err)
	key, namesakes, err := keys.Describe(t.Context(), created, 0)
	must(t, err)
	if key.ID != created.ID || len(namesakes) != 1 || namesakes[0].ID != left.ID {
		t.Errorf("named are %v", namesakes)
	}
}

// Names need not be unique: a key of this process, whose answer is under way, is nobody's leftover.
func TestCreate_namesNoKeyOfItsOwnThatIsUnderWay(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{"after a success": {}, "after a lost answer": fakestack.ProxyHTML(502)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.service(t, creator)
			made, released := make(chan struct{}), make(chan struct{})
			w.Kibana.Inject(fakestack.Hook(func(*http.Request) { close(made); <-released }).After().Once())
			var slow agentkey.Created
			var wait sync.WaitGroup
			wait.Go(func() {
				var err error
				if slow, err = keys.Create(t.Context(), spec); err != nil {
					t.Error(err)
				}
			})
			<-made
			if fault.Break != nil {
				w.Kibana.Inject(fault.Once())
			}
			// It is found well before its answer is there.
			found := fakestack.Hook(func(*http.Request) { time.AfterFunc(200*time.Millisecond, func() { close(released) }) })
			w.Elasticsearch.Inject(found.After().On(fakestack.To("POST", "/_security/_query/api_key")).Once())
			created, err := keys.Create(t.Context(), spec)
			if fault.Break != nil {
				if named := candidates(mustBe[*agentkey.UndecidedError](t, err)); len(named) > 0 {
					t.Errorf("named are %v", named)
				}
				wait.Wait()
				return
			}
			must(t, err)
			_, namesakes, err := keys.Describe(t.Context(), created, 0)
			must(t, err)
			wait.Wait()
			if len(namesakes) > 0 || slow.ID == "" {
				t.Errorf("named are %v", namesakes)
			}
		})
	}
}
