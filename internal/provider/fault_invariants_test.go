package provider_test

import (
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// Each test here fails when the code that it names is taken out.

// Service.investigate in internal/agentkey keeps it for an answer that was lost.
func TestInvariant1_aKeyWhoseAnswerWasLostIsNamedToTheUser(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	inject(t, w.Stack.Kibana, fakestack.Reset().After().On(toCreate))

	diagnostics := core.Run(config("checkout"))
	live := w.LiveKeys(t)
	if len(live) != 1 || core.State() != nil {
		t.Fatalf("%d live keys, and a state: %t", len(live), core.State() != nil)
	}
	refused(t, diagnostics, "APM agent key may or may not have been created", live[0])
}

// Service.Describe in internal/agentkey and addNamesakes keep it for a provider that was killed.
func TestInvariant1_aKeyOfAKilledRunIsNamedByTheNext(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	before := core.Snapshot()
	lost := create(t, core, config("checkout"))
	core.Restore(before)

	warned(t, core.Run(config("checkout")), "Other live APM agent keys of the same name", lost)
}

// transport.OnlyUndelivered, hadNoEffect, and elastictransport.WithDisableRetry in internal/transport keep it.
func TestInvariant2_aCreateThatMayHaveArrivedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakestack.Fault{
		"reset": fakestack.Reset(), "closed": fakestack.CloseWithoutAnswer(), "502": fakestack.ProxyHTML(502), "503": fakestack.ProxyHTML(503),
		"504": fakestack.ProxyHTML(504), "500": respond(500), "truncated": fakestack.TruncateBody(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			inject(t, w.Stack.Kibana, fault.After().On(toCreate).Once())
			core.Run(config("checkout"))
			if keys := w.OwnKeys(t); len(keys) != 1 {
				t.Errorf("one apply has made %d keys", len(keys))
			}
		})
	}
}

// Service.wouldSee in internal/agentkey keeps it.
func TestInvariant3_aKeyThatTheCallerCannotSeeStaysInTheState(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	core.SetProvider(w.ProviderConfig(w.BasicAuth(), user(t, w, cluster("manage_own_api_key"))))

	refused(t, core.Refresh(), "Unable to read APM agent key", id, "does not mean that it is gone")
	if idOf(t, core) != id {
		t.Error("the key is not in the state any more")
	}
	onlyAlive(t, w, id)
}

// The look that follows an empty answer in Service.Revoke in internal/agentkey keeps it.
func TestInvariant4_anAnswerThatNamesNoKeyIsNoRevocation(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, config("checkout"))
	remove := inject(t, w.Stack.Elasticsearch,
		fakestack.Respond(200, nil, `{"invalidated_api_keys":[],"previously_invalidated_api_keys":[],"error_count":0}`).On(toRevoke))

	refused(t, core.Destroy(), "Unable to revoke APM agent key", id, "still alive")
	onlyAlive(t, w, idOf(t, core))
	remove()
	succeed(t, core.Destroy())
	onlyAlive(t, w)
}

// secret.Scrub, called for every error in internal/transport, keeps it.
func TestInvariant5_aServerThatEchoesTheCredentialsIsNotQuoted(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	inject(t, w.Stack.Kibana, fakestack.Respond(400, nil, `{"statusCode":400,"error":"Bad Request","message":"the password `+w.Password+` is not liked"}`).On(toCreate))

	diagnostics := core.Run(config("checkout"))
	mention(t, diagnostics, "is not liked")
	if strings.Contains(diagnostics.String(), w.Password) {
		t.Error("the password is in a diagnostic")
	}
}

// Service.Retire in internal/agentkey keeps it: it never revokes.
func TestInvariant6_aGracePeriodThatCannotBeSetLeavesTheKeyWorking(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	id := create(t, core, ending)
	encoded := encodedOf(t, core)
	remove := inject(t, w.Stack.Elasticsearch, respond(403).On(toUpdate))

	refused(t, core.Run(adding(ending, "name", "basket")), "Unable to retire APM agent key", "The key stays in the state")
	if idOf(t, core) != id || !w.Authenticates(t.Context(), encoded) {
		t.Error("the key is not in the state any more, or does not work any more")
	}
	remove()
	succeed(t, core.Run(adding(ending, "name", "basket")))
	if idOf(t, core) == id || !w.Authenticates(t.Context(), encoded) || !w.Authenticates(t.Context(), encodedOf(t, core)) {
		t.Error("the key is not replaced, or one of the two does not work")
	}
}
