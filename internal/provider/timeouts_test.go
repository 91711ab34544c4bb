package provider_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// A server that asks to wait is waited for as long as the user says, be that less or more than what the provider would by
// itself. The waiting takes no time here, and is counted all the same.
func TestAgentKey_theUsersTimeoutBoundsTheRepetitions(t *testing.T) {
	t.Parallel()
	changed := func(timeouts map[string]any) map[string]any {
		return adding(config("checkout"), "privileges", []string{"event:write"}, "timeouts", timeouts)
	}
	for operation, test := range map[string]struct {
		product string
		to      func(*http.Request) bool
		// run is what the server puts off; before it there is a key with these timeouts, unless it is what creates that.
		run func(core *acctest.Core, timeouts map[string]any) acctest.Diagnostics
	}{
		"create": {"Kibana", toCreate, func(core *acctest.Core, timeouts map[string]any) acctest.Diagnostics {
			return core.Run(adding(config("checkout"), "timeouts", timeouts))
		}},
		"read": {"Elasticsearch", toQuery, func(core *acctest.Core, _ map[string]any) acctest.Diagnostics {
			return core.Refresh()
		}},
		"update": {"Elasticsearch", toUpdate, func(core *acctest.Core, timeouts map[string]any) acctest.Diagnostics {
			return core.Run(changed(timeouts))
		}},
		"delete": {"Elasticsearch", toRevoke, func(core *acctest.Core, _ map[string]any) acctest.Diagnostics {
			return core.Destroy()
		}},
	} {
		for timeout, wait := range map[string]string{
			"29s": "10",  // A default of two or five minutes is time for eleven requests or more.
			"10m": "250", // A default of two or five minutes is time for one request or two.
		} {
			t.Run(operation+" "+timeout, func(t *testing.T) {
				t.Parallel()
				w := acctest.New(t)
				core := w.Core(t, nil)
				timeouts := map[string]any{operation: timeout}
				if operation != "create" {
					create(t, core, adding(config("checkout"), "timeouts", timeouts))
				}
				front := map[string]*fakestack.Front{"Kibana": w.Stack.Kibana, "Elasticsearch": w.Stack.Elasticsearch}[test.product]
				var arrived atomic.Int64
				inject(t, front, fakestack.TooManyRequests(wait).On(func(r *http.Request) bool {
					if !test.to(r) {
						return false
					}
					arrived.Add(1)
					return true
				}))

				diagnostics := test.run(core, timeouts)
				if len(diagnostics.Errors()) != 1 {
					t.Fatalf("not one error:\n%s", diagnostics)
				}
				mention(t, diagnostics, "HTTP 429")
				// One, and one after each of the two waits for which there is time.
				if sent := arrived.Load(); sent != 3 {
					t.Errorf("the request was sent %d times", sent)
				}
			})
		}
	}
}
