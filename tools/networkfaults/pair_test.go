package networkfaults_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// operation is a run of Terraform that is made while the network fails.
type operation struct {
	name string
	// before is the configuration of the key that exists already; nil for none.
	before map[string]any
	// run is what fails, after is what the user wants: nil when the key should be gone.
	run   func(*pair) acctest.Diagnostics
	after map[string]any
}

// operations are those that send requests.
func operations() []operation {
	basic := map[string]any{"privileges": []string{"config_agent:read", "event:write"}}
	ending := map[string]any{"privileges": []string{"config_agent:read", "event:write"}, "expires_in": "90d"}
	changed := map[string]any{"privileges": []string{"event:write"}, "expires_in": "80d"}
	retiring := map[string]any{"privileges": []string{"event:write"}, "revoke_after": "1h"}
	return []operation{
		{"create", nil, applyOf(ending), ending},
		{"refresh", basic, func(p *pair) acctest.Diagnostics {
			p.fail()
			return p.core.Refresh()
		}, basic},
		{"change", ending, applyOf(changed), changed},
		{"revoke", basic, applyOf(nil), nil},
		{"retire", retiring, applyOf(nil), nil},
	}
}

// applyOf plans while the network works, and applies when it fails.
func applyOf(config map[string]any) func(*pair) acctest.Diagnostics {
	return func(p *pair) acctest.Diagnostics {
		plan := p.core.Plan(p.named(config))
		if len(plan.Diagnostics.Errors()) > 0 {
			p.t.Fatalf("planning without a fault:\n%s", plan.Diagnostics)
		}
		p.fail()
		return append(plan.Diagnostics, p.core.Apply(plan)...)
	}
}

// pair is an operation under one fault, with a key of a name of its own.
type pair struct {
	t       *testing.T
	w       *acctest.World
	issued  *issued
	network *network
	core    *acctest.Core
	// impatient is the provider's configuration while the network fails, patient that of other times.
	impatient, patient map[string]any
	name               string
	// fail begins the fault, and failing says that the run is the one during which it lasts.
	fail    func()
	failing bool
	// told is everything that the user was told, keys what the server had made at the last look.
	told strings.Builder
	keys int
	// managed are the ids that were in the state.
	managed []string
}

// newPair lays a network to one side; the other side is reached directly.
func newPair(t *testing.T, w *acctest.World, issued *issued, side string, timeout time.Duration) *pair {
	t.Helper()
	p := &pair{t: t, w: w, issued: issued, name: acctest.Unique("key")}
	config := w.ProviderConfig(w.BasicAuth(), nil)
	switch side {
	case "kibana":
		p.network = newNetwork(t, w.KibanaURL())
		config["kibana"].(map[string]any)["endpoint"] = p.network.url()
	default:
		p.network = newNetwork(t, w.ElasticsearchURL())
		config["elasticsearch"].(map[string]any)["endpoints"] = []string{p.network.url()}
	}
	p.patient, p.impatient = config, maps.Clone(config)
	p.impatient["request_timeout"] = fmt.Sprintf("%ds", int(timeout.Seconds()))
	p.core = acctest.NewCore(t, acctest.Factory(clock.System{}, nil), p.patient)
	return p
}

// try runs the operation under the fault, then without it, and then destroys what is left.
func (p *pair) try(operation operation, fault fault, passes bool) {
	p.t.Helper()
	if operation.before != nil {
		p.succeed("preparing", p.core.Run(p.named(operation.before)))
	}

	var healing sync.WaitGroup
	p.fail = func() {
		p.network.fail(fault)
		p.core.SetProvider(p.impatient)
		if passes {
			healing.Go(func() {
				time.Sleep(passing)
				p.network.heal()
			})
		}
	}
	diagnostics := operation.run(p)
	healing.Wait()
	if !passes {
		p.network.heal()
	}
	p.failing = true
	p.check(diagnostics)

	p.failing = false
	p.core.SetProvider(p.patient)
	p.succeed("the run after the fault", p.core.Run(p.named(operation.after)))
	p.succeed("the destruction", p.core.Destroy())
	if p.core.State() != nil {
		p.t.Error("invariant 4: the key is in the state after its destruction")
	}
	for _, key := range p.onServer() {
		encoded := p.issued.encoded(key.ID)
		if !strings.Contains(p.told.String(), key.ID) && p.w.Authenticates(context.Background(), encoded) {
			p.t.Errorf("invariant 4: key %s authenticates after the destruction, and nobody was told of it", key.ID)
		}
	}
}

// named adds the pair's name to a configuration.
func (p *pair) named(config map[string]any) map[string]any {
	if config == nil {
		return nil
	}
	named := map[string]any{"name": p.name}
	maps.Copy(named, config)
	return named
}

func (p *pair) succeed(what string, diagnostics acctest.Diagnostics) {
	p.t.Helper()
	p.check(diagnostics)
	if len(diagnostics.Errors()) > 0 {
		p.t.Fatalf("invariant 4: %s fails:\n%s", what, diagnostics)
	}
}

// check notes what a run has told the user, and asks the server what it has left.
func (p *pair) check(diagnostics acctest.Diagnostics) {
	p.t.Helper()
	ended := p.w.Stack.Clock().Now()
	p.told.WriteString(diagnostics.String())
	if found := p.issued.In(diagnostics.String()); len(found) > 0 {
		p.t.Errorf("invariant 5: the diagnostics show %s", strings.Join(found, ", "))
	}
	id, _ := p.core.State()["id"].(string)
	if id != "" {
		p.managed = append(p.managed, id)
	}
	p.issued.settle(p.t, p.name)
	keys := p.onServer()
	if made := len(keys) - p.keys; made > 1 {
		p.t.Errorf("invariant 2: one run has made %d keys; the user was told:\n%s", made, p.told.String())
	}
	p.keys = len(keys)
	for _, key := range keys {
		// Ends that are further away are those of expires_in.
		ends := !key.Expiration.IsZero() && !key.Expiration.After(ended.Add(time.Hour))
		left := slices.Contains(p.managed, key.ID)
		switch {
		case key.ID == id, key.Invalidated:
		case left && !ends:
			p.t.Errorf("invariant 3: key %s has left the state alive", key.ID)
		case !left && !p.knows(key, ended):
			p.t.Errorf("invariant 1: nobody knows of the live key %s; the user was told:\n%s", key.ID, p.told.String())
		}
	}
}

// knows reports whether the user was told of a key that is not in the state. Two things cannot be told by id before the
// next run: a key that the server made when the run was over, and one that the network did not let the run look for; the
// user then knows what to look for.
func (p *pair) knows(key fakestack.KeyRecord, ended time.Time) bool {
	told := p.told.String()
	if strings.Contains(told, key.ID) {
		return true
	}
	unsearched := strings.Contains(told, "could not be found out") && strings.Contains(told, "a key named "+strconv.Quote(p.name))
	return p.failing && (unsearched || key.Creation.After(ended))
}

// onServer returns the pair's keys as the server holds them, dead ones too.
func (p *pair) onServer() []fakestack.KeyRecord {
	p.t.Helper()
	var keys []fakestack.KeyRecord
	for _, id := range p.issued.named(p.name) {
		key, err := p.w.Key(context.WithoutCancel(p.t.Context()), id)
		if err != nil {
			p.t.Fatalf("asking for key %s: %s", id, err)
		}
		keys = append(keys, key)
	}
	return keys
}
