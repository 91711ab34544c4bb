package provider_test

import (
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// When the answer to a create is lost, what is told is all that the user has to find the key by.
func TestAccError_saysWhatIsKnownOfAKeyWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	const (
		candidates  = "Elasticsearch has these live keys of "
		nothing     = "so most likely nothing arrived."
		unknown     = "Whether the key exists could not be found out: "
		later       = "Should Kibana finish it later after all, the next apply that creates a key of this name warns of it."
		mayPass     = "This may pass: apply again later, and look at Kibana's health and at the proxies before it"
		revokeThere = "revoke it in Kibana under Applications, Settings, Agent keys"
	)
	for what, test := range map[string]struct {
		kibana fakestack.Fault
		// elasticsearch is what comes in the way of the search for the key, if anything does.
		elasticsearch *fakestack.Fault
		made          bool
		texts, never  []string
	}{
		"a key that was not made": {
			kibana: fakestack.CloseWithoutAnswer(), texts: []string{nothing, mayPass}, never: []string{candidates, unknown, later, revokeThere},
		},
		"a key that was made": {
			kibana: fakestack.CloseWithoutAnswer().After(), made: true,
			texts: []string{
				candidates, "Unless another run has made it, such a key has no user, and its secret is lost", revokeThere,
				"DELETE /_security/api_key", "If you know its secret, import it instead. Then apply again.", mayPass,
			},
			never: []string{nothing, unknown, later},
		},
		"nobody may look": {
			kibana: fakestack.CloseWithoutAnswer().After(), elasticsearch: new(respond(403).On(toQuery)), made: true,
			texts: []string{
				unknown, "HTTP 403", `Look in Kibana under Applications, Settings, Agent keys for a key named "checkout" that was created since 20`,
				"and revoke it: its secret is lost. Then apply again.", mayPass,
			},
			never: []string{nothing, candidates, later},
		},
		"a timeout, and no key yet": {
			kibana: respond(408), texts: []string{nothing, later, "raise request_timeout of the provider"}, never: []string{candidates, unknown, mayPass},
		},
		"a timeout, and a key": {
			kibana: respond(408).After(), made: true,
			texts: []string{candidates, revokeThere, "raise request_timeout of the provider"}, never: []string{nothing, unknown, later, mayPass},
		},
		"a web page with status 200": {
			kibana: page(200),
			texts: []string{
				nothing, "a web page, not an answer of Kibana", "Check endpoint in the kibana block, or KIBANA_ENDPOINT: it must be the address of Kibana itself",
			},
			never: []string{candidates, unknown, later, mayPass},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			inject(t, w.Stack.Kibana, test.kibana.On(toCreate))
			if test.elasticsearch != nil {
				inject(t, w.Stack.Elasticsearch, *test.elasticsearch)
			}
			diagnostics := core.Run(config("checkout"))
			refused(t, diagnostics, "APM agent key may or may not have been created",
				append(test.texts, `The agent key "checkout" was asked for, but no usable answer came: `)...)
			for _, text := range test.never {
				if strings.Contains(diagnostics.String(), text) {
					t.Errorf("%q is misleading in:\n%s", text, diagnostics)
				}
			}
			askedOnce(t, w)
			made := w.LiveKeys(t)
			if core.State() != nil || len(made) > 1 || (len(made) == 1) != test.made {
				t.Errorf("%d keys were made, and a state: %t", len(made), core.State() != nil)
			}
			// The id can be named only where it was found.
			if test.made && test.elasticsearch == nil {
				mention(t, diagnostics, "id "+made[0]+", created ", "keys of "+w.Username)
			}
		})
	}
}

// Kibana may make a key long after the provider has given up waiting. The text promises that the next apply tells.
func TestAccError_warnsOfAKeyThatCameUpAfterTheSearch(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	remove := inject(t, w.Stack.Kibana, respond(408).On(toCreate))
	refused(t, core.Run(config("checkout")), "APM agent key may or may not have been created", "the next apply that creates a key of this name warns of it")
	remove()
	// The request arrives at last: another run's stands in for it.
	late := create(t, w.Core(t, nil), config("checkout"))

	warned(t, core.Run(config("checkout")), "Other live APM agent keys of the same name", late, idOf(t, core), "revoke it in Kibana")
	onlyAlive(t, w, late, idOf(t, core))
}
