package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

const (
	loadKeys        = 200
	loadParallelism = 50
	// loadRuns is how often a run is repeated at most until all of its keys are as they should be.
	loadRuns = 8
	// faultEvery is how many requests there are to one that fails.
	faultEvery = 20
)

// loadFaults returns what happens in turn to the requests that fail.
func loadFaults() []fakestack.Fault {
	return []fakestack.Fault{
		fakestack.ProxyHTML(503), fakestack.Reset().After(), fakestack.TooManyRequests("1"), fakestack.TruncateBody(),
		fakestack.Reset(), fakestack.ProxyHTML(502).After(), fakestack.CloseWithoutAnswer(), fakestack.ProxyHTML(503).After(),
	}
}

// load is a world under load: servers that fail now and then, and whose connections are counted.
type load struct {
	*acctest.World

	kibana, elasticsearch *countedServer
	// told is everything that the user was told.
	told strings.Builder
	// managed are the ids that were in a state, with what agents send.
	managed map[string]string
	// made is how many keys of each name there were at the last look.
	made map[string]int
	// runs and named count what happened.
	runs, named int
}

func newLoad(t *testing.T) *load {
	t.Helper()
	l := &load{World: acctest.New(t), managed: map[string]string{}}
	l.kibana, l.elasticsearch = newCountedServer(t, l.Stack.Kibana), newCountedServer(t, l.Stack.Elasticsearch)
	for _, front := range []*fakestack.Front{l.Stack.Kibana, l.Stack.Elasticsearch} {
		all := loadFaults()
		arrived := 0
		for i, fault := range all {
			inject(t, front, fault.On(func(*http.Request) bool {
				// A front asks the faults in the order of their injection, for one request after the other.
				if i == 0 {
					arrived++
				}
				return arrived%faultEvery == 0 && arrived/faultEvery%len(all) == i
			}))
		}
	}
	return l
}

// check asks the server whether the invariants hold, after a run that has left these keys in the state, id to encoded form,
// and told the user this.
func (l *load) check(t *testing.T, state map[string]string, told string) {
	t.Helper()
	l.runs++
	l.told.WriteString(told)
	made := map[string]int{}
	for _, key := range l.OwnKeys(t) {
		made[key.Name]++
	}
	for name, n := range made {
		if n > l.made[name]+1 {
			t.Errorf("invariant 2: one run has made %d keys %q", n-l.made[name], name)
		}
	}
	l.made, l.named = made, 0
	for _, id := range l.LiveKeys(t) {
		if _, ok := state[id]; ok {
			continue
		}
		l.named++
		if _, left := l.managed[id]; left {
			t.Errorf("invariant 3: key %s has left the state alive", id)
		} else if !strings.Contains(l.told.String(), id) {
			t.Errorf("invariant 1: nobody knows of the live key %s", id)
		}
	}
	for _, server := range []*countedServer{l.kibana, l.elasticsearch} {
		// Some are opened in vain, because another has become free meanwhile, and some break with the requests that fail.
		if opened := server.newly(); opened > 3*loadParallelism {
			t.Errorf("one run has opened %d connections for %d operations at a time", opened, loadParallelism)
		}
	}
	maps.Copy(l.managed, state)
	for _, encoded := range append(slices.Collect(maps.Values(l.managed)), l.Password) {
		if encoded != "" && strings.Contains(told, encoded) {
			t.Error("invariant 5: a secret was shown")
		}
	}
}

// checkDestroyed makes sure that no key that was managed authenticates.
func (l *load) checkDestroyed(t *testing.T) {
	t.Helper()
	for id, encoded := range l.managed {
		if l.Authenticates(context.WithoutCancel(t.Context()), encoded) {
			t.Errorf("invariant 4: key %s authenticates after its destruction", id)
		}
	}
	requests, faulty := 0, 0
	for _, front := range []*fakestack.Front{l.Stack.Kibana, l.Stack.Elasticsearch} {
		for _, request := range front.Requests() {
			requests++
			if request.Fault != "" {
				faulty++
			}
		}
	}
	if faulty < requests/faultEvery-2 || faulty == 0 {
		t.Errorf("%d of %d requests have failed, which is less than one in %d", faulty, requests, faultEvery)
	}
	t.Logf("figure: load: %d keys, %d runs, %d requests of which %d failed, %d keys lost and named", loadKeys, l.runs, requests, faulty, l.named)
}

// TestAccLoad_twoHundredKeysAtOnce drives one provider after the other, as the runs of Terraform do, with fifty operations
// at a time, under the race detector where that is on.
func TestAccLoad_twoHundredKeysAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("load", func(t *testing.T) {
		l := newLoad(t)
		var current *sharedProvider
		cores := make([]*acctest.Core, loadKeys)
		configs := make([]map[string]any, loadKeys)
		start := l.Factories()["apm"]
		for i := range cores {
			cores[i] = acctest.NewCore(t, func() (tfprotov6.ProviderServer, error) {
				if current == nil {
					return start()
				}
				return current, nil
			}, l.providerConfig())
			configs[i] = config("load-" + strconv.Itoa(i))
		}
		// each has one provider do something with every key, and returns how often that failed.
		each := func(do func(i int) acctest.Diagnostics) (failed int) {
			server, err := start()
			if err != nil {
				t.Fatal(err)
			}
			current = &sharedProvider{ProviderServer: server}
			all := make([]acctest.Diagnostics, loadKeys)
			inParallel(loadKeys, loadParallelism, func(i int) { all[i] = do(i) })
			var told strings.Builder
			state := map[string]string{}
			for i, diagnostics := range all {
				told.WriteString(diagnostics.String())
				failed += len(diagnostics.Errors())
				if id, _ := cores[i].State()["id"].(string); id != "" {
					state[id], _ = cores[i].State()["encoded"].(string)
				}
			}
			l.check(t, state, told.String())
			return failed
		}
		// run plans with one provider and applies with another.
		run := func(wanted func(i int) map[string]any) {
			t.Helper()
			for range loadRuns {
				plans := make([]*acctest.Plan, loadKeys)
				failed := each(func(i int) acctest.Diagnostics {
					plans[i] = cores[i].Plan(wanted(i))
					return plans[i].Diagnostics
				})
				failed += each(func(i int) acctest.Diagnostics {
					if len(plans[i].Diagnostics.Errors()) > 0 {
						return nil
					}
					return cores[i].Apply(plans[i])
				})
				if failed == 0 {
					return
				}
			}
			t.Fatalf("after %d runs there are failures still:\n%s", loadRuns, l.told.String())
		}

		run(func(i int) map[string]any { return configs[i] })
		if live := len(l.LiveKeys(t)) - l.named; live != loadKeys {
			t.Errorf("%d keys are alive and managed", live)
		}
		if failed := each(func(i int) acctest.Diagnostics { return cores[i].Refresh() }); failed > 0 {
			t.Errorf("%d refreshes fail", failed)
		}
		run(func(int) map[string]any { return nil })
		l.checkDestroyed(t)
	})
	// Nothing tells a provider that its run is over: it ends with its process, and here when the servers close.
	mustHaveEnded(t, before)
}

// Kibana and Elasticsearch must not notice how many keys a configuration has: they are asked for all of an owner at once.
func TestAccLoad_manyKeysAreReadByTwoRequestsAPlan(t *testing.T) {
	t.Parallel()
	const many = 30
	w := acctest.New(t)
	start := w.Factories()["apm"]
	var provider *sharedProvider
	anew := func() {
		t.Helper()
		server, err := start()
		if err != nil {
			t.Fatal(err)
		}
		provider = &sharedProvider{ProviderServer: server}
	}
	anew()
	cores := make([]*acctest.Core, many)
	for i := range cores {
		cores[i] = acctest.NewCore(t, func() (tfprotov6.ProviderServer, error) { return provider, nil }, w.ProviderConfig(w.BasicAuth(), nil))
	}
	wanted := func(i int) map[string]any { return config("many-" + strconv.Itoa(i)) }
	diagnostics := make([]acctest.Diagnostics, many)
	inParallel(many, loadParallelism, func(i int) { diagnostics[i] = cores[i].Run(wanted(i)) })
	for _, created := range diagnostics {
		succeed(t, created)
	}
	w.Sent()

	// The first key is read by itself: there may be no other.
	want := []string{"POST " + queryRoute, "POST " + queryRoute}
	for parallelism, how := range map[int]string{1: "one after the other", loadParallelism: "all at once"} {
		anew()
		plans := make([]*acctest.Plan, many)
		inParallel(many, parallelism, func(i int) { plans[i] = cores[i].Plan(wanted(i)) })
		for _, plan := range plans {
			planned(t, plan, acctest.NoOp)
			silent(t, plan.Diagnostics)
		}
		if diff := cmp.Diff(want, w.Sent()); diff != "" {
			t.Errorf("requests of a plan of %d keys, %s (-want +got):\n%s", many, how, diff)
		}
	}
}

// TestAccLoad_twoHundredKeysOfTheRealTerraform is the same with the program itself, in whose process the connections end.
func TestAccLoad_twoHundredKeysOfTheRealTerraform(t *testing.T) {
	l := newLoad(t)
	c := newCLI(t, fmt.Sprintf(`
terraform {
  required_providers {
    apm = { source = "elastic/apm" }
  }
}

variable "password" {
  type      = string
  sensitive = true
}

provider "apm" {
  kibana {
    endpoint = %q
    username = %q
    password = var.password
  }
  elasticsearch {
    endpoints = [%q]
  }
}

resource "apm_agent_key" "load" {
  count      = %d
  name       = "load-${count.index}"
  privileges = ["event:write"]
}
`, l.kibana.url, l.Username, l.elasticsearch.url, loadKeys), map[string]string{"TF_VAR_password": l.Password})
	until := func(args ...string) {
		t.Helper()
		args = append(args, "-auto-approve", "-json", "-parallelism="+strconv.Itoa(loadParallelism))
		for range loadRuns {
			status := c.run("run", nil, args...)
			l.check(t, c.keys(), c.read("run.out"))
			l.kibana.mustHaveNoConnection(t)
			l.elasticsearch.mustHaveNoConnection(t)
			if status == 0 {
				return
			}
		}
		t.Fatalf("after %d runs there are failures still:\n%s", loadRuns, c.read("run.out"))
	}

	until("apply")
	if managed := len(c.keys()); managed != loadKeys {
		t.Errorf("%d keys are managed", managed)
	}
	until("apply", "-refresh-only")
	until("destroy")
	if left := len(c.keys()); left > 0 {
		t.Errorf("%d keys are in the state after the destruction", left)
	}
	l.checkDestroyed(t)
}

// providerConfig is that of the least-privilege user, at the counted servers.
func (l *load) providerConfig() map[string]any {
	provider := l.ProviderConfig(l.BasicAuth(), nil)
	provider["kibana"].(map[string]any)["endpoint"] = l.kibana.url
	provider["elasticsearch"].(map[string]any)["endpoints"] = []string{l.elasticsearch.url}
	return provider
}

// keys returns the keys of the state file, id to encoded form.
func (c *cli) keys() map[string]string {
	c.t.Helper()
	var state struct {
		Resources []struct {
			Instances []struct {
				Attributes struct {
					ID      string `json:"id"`
					Encoded string `json:"encoded"`
				} `json:"attributes"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal([]byte(c.read("terraform.tfstate")), &state); err != nil {
		c.t.Fatalf("reading the state: %s", err)
	}
	keys := map[string]string{}
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			keys[instance.Attributes.ID] = instance.Attributes.Encoded
		}
	}
	return keys
}

// sharedProvider is one provider for many operations: it is configured once.
type sharedProvider struct {
	tfprotov6.ProviderServer

	once       sync.Once
	configured *tfprotov6.ConfigureProviderResponse
	err        error
}

// ConfigureProvider implements tfprotov6.ProviderServer.
func (p *sharedProvider) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	p.once.Do(func() { p.configured, p.err = p.ProviderServer.ConfigureProvider(ctx, req) })
	return p.configured, p.err
}
