package provider_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// how is when a fault strikes.
type how struct {
	name  string
	after bool // once the server has acted
	once  bool // and only the first time
}

var hows = []how{
	{"before the server acts, once", false, true},
	{"before the server acts, until the end of the run", false, false},
	{"after the server acted, once", true, true},
	{"after the server acted, until the end of the run", true, false},
}

// respond answers with a JSON error of neither product in particular.
func respond(status int) fakestack.Fault {
	return fakestack.Respond(status, http.Header{"Content-Type": {"application/json"}},
		fmt.Sprintf(`{"statusCode":%d,"error":"test","message":"injected","status":%d}`, status, status))
}

// endless are the faults that only a timeout ends.
var endless = map[string]bool{fakestack.Hang().Name: true, fakestack.SlowBody().Name: true}

// unbegun are the answers of a server that has not begun, so that they cannot come after it has acted. A create is sent
// again after them.
var unbegun = map[string]bool{fakestack.KibanaNotReady().Name: true, fakestack.TooManyRequests("").Name: true}

// absorbed are the faults that change nothing for the user.
var absorbed = map[string]bool{
	"with unknown fields": true, "with an unknown top field": true, "one of two Elasticsearch endpoints is dead": true,
	"the server's clock is an hour ahead": true, "the server's clock is an hour behind": true,
}

// answers are the faults of an answer. Each strikes before the server acts and after.
func answers() map[string]fakestack.Fault {
	return map[string]fakestack.Fault{
		"connection reset":             fakestack.Reset(),
		"closed without an answer":     fakestack.CloseWithoutAnswer(),
		"no answer at all":             fakestack.Hang(),
		"an endless slow body":         fakestack.SlowBody(),
		"400":                          respond(400),
		"401":                          respond(401),
		"403":                          respond(403),
		"404":                          respond(404),
		"408":                          respond(408),
		"413":                          respond(413),
		"429":                          fakestack.TooManyRequests(""),
		"429 with Retry-After":         fakestack.TooManyRequests("2"),
		"429 with an endless wait":     fakestack.TooManyRequests("86400"),
		"499":                          respond(499),
		"500":                          respond(500),
		"502 of a proxy":               fakestack.ProxyHTML(502),
		"503 of a proxy":               fakestack.ProxyHTML(503),
		"504 of a proxy":               fakestack.ProxyHTML(504),
		"503 not ready":                fakestack.KibanaNotReady(),
		"redirect":                     fakestack.RedirectTo("https://login.invalid/"),
		"a login page with 200":        fakestack.Respond(200, http.Header{"Content-Type": {"text/html"}}, "<html><body>Log in</body></html>"),
		"an empty answer":              fakestack.Respond(200, nil, ""),
		"an empty object":              fakestack.Respond(200, nil, "{}"),
		"null":                         fakestack.Respond(200, nil, "null"),
		"JSON of another kind":         fakestack.Respond(200, nil, `["a",{"b":1}]`),
		"JSON that ends in the middle": fakestack.Respond(200, nil, `{"agentKey":{"id":"`),
		"control characters in a 500":  fakestack.Respond(500, nil, "{\"statusCode\":500,\"message\":\"\x1b[2J\\u001b]0;owned\\u0007\"}"),
		"an informal text in a 404":    fakestack.Respond(404, http.Header{"Content-Type": {"text/plain"}}, "404 page not found"),
		"a status that does not exist": fakestack.Respond(799, nil, "{}"),
		"no content":                   fakestack.Respond(204, nil, ""),
	}
}

// rewrites are the faults of an answer that the server has given.
func rewrites() map[string]fakestack.Fault {
	agentKey := func(change func(map[string]any)) fakestack.Fault {
		return fakestack.RewriteBody(func(body map[string]any) {
			if key, ok := body["agentKey"].(map[string]any); ok {
				change(key)
			}
		})
	}
	return map[string]fakestack.Fault{
		"truncated":                 fakestack.TruncateBody(),
		"many megabytes":            fakestack.HugeBody(20 << 20),
		"without the secret":        agentKey(func(key map[string]any) { delete(key, "api_key"); delete(key, "encoded") }),
		"without the encoded form":  agentKey(func(key map[string]any) { delete(key, "encoded") }),
		"without the id":            agentKey(func(key map[string]any) { delete(key, "id") }),
		"with another name":         agentKey(func(key map[string]any) { key["name"] = "another" }),
		"with unknown fields":       agentKey(func(key map[string]any) { key["colour"] = "red" }),
		"with another encoded form": agentKey(func(key map[string]any) { key["encoded"] = "AAAA" }),
		"with an unknown top field": fakestack.RewriteBody(func(body map[string]any) { body["_inspect"] = []any{} }),
		"without a product header":  fakestack.DropHeader("X-Elastic-Product"),
	}
}

var tried, held atomic.Int64

// short are the faults of the short form, each of its own kind. They strike once.
var short = map[string]bool{
	"connection reset": true, "no answer at all": true, "403": true, "429 with Retry-After": true, "502 of a proxy": true,
	"a login page with 200": true, "truncated": true, "without the secret": true, "interrupted after the server acted": true,
	"killed after the server acted": true, "the server's clock is an hour ahead": true,
}

// TestFaultMatrix tries every pair, and with -short those that are likeliest to tell something.
func TestFaultMatrix(t *testing.T) { //nolint:tparallel // Its subtests are the pairs, which are parallel.
	t.Parallel()
	t.Run("pairs", func(t *testing.T) {
		for _, request := range requests() {
			for name, fault := range answers() {
				for _, how := range hows {
					if how.after && request.product == "Kibana" && unbegun[fault.Name] {
						continue
					}
					pair(t, request.name, name, how, func(t *testing.T) { answerFault(t, request.name, name, fault, how) })
				}
			}
			for name, fault := range rewrites() {
				for _, how := range hows[2:] {
					pair(t, request.name, name, how, func(t *testing.T) { answerFault(t, request.name, name, fault, how) })
				}
			}
			whole := how{name: "once", once: true}
			pair(t, request.name, "interrupted before the server acts", whole, func(t *testing.T) { interruptFault(t, request.name, false) })
			pair(t, request.name, "interrupted after the server acted", whole, func(t *testing.T) { interruptFault(t, request.name, true) })
			pair(t, request.name, "killed before the server acts", whole, func(t *testing.T) { killFault(t, request.name, false) })
			pair(t, request.name, "killed after the server acted", whole, func(t *testing.T) { killFault(t, request.name, true) })
			for name, change := range surroundings() {
				pair(t, request.name, name, whole, func(t *testing.T) { surroundingFault(t, request.name, name, change) })
			}
		}
	})
	t.Logf("figure: fault matrix: %d pairs tried, %d pairs held", tried.Load(), held.Load())
}

// pair runs one pair of the matrix, and counts it.
func pair(t *testing.T, request, fault string, how how, run func(t *testing.T)) {
	if testing.Short() && (!short[fault] || !how.once) {
		return
	}
	t.Run(request+"/"+fault+"/"+how.name, func(t *testing.T) {
		t.Parallel()
		tried.Add(1)
		run(t)
		if !t.Failed() {
			held.Add(1)
		}
	})
}

// requestNamed makes a request anew: its matcher counts.
func requestNamed(t *testing.T, name string) request {
	t.Helper()
	for _, request := range requests() {
		if request.name == name {
			return request
		}
	}
	t.Fatalf("no request %q", name)
	return request{}
}

func answerFault(t *testing.T, name, faultName string, fault fakestack.Fault, how how) {
	if how.after {
		fault = fault.After()
	}
	if how.once {
		fault = fault.Once()
	}
	// A loaded machine may take longer than a second for the requests before. The pair is then tried with more patience.
	made := strike(t, name, faultName, fault, "1s")
	if !made && endless[fault.Name] {
		made = strike(t, name, faultName, fault, "10s")
	}
	if !made {
		t.Error("the request was never made")
	}
}

// strike runs a pair, and reports whether the request that should be broken was made. Only what has no end by itself is
// waited for no longer than the patience.
func strike(t *testing.T, name, faultName string, fault fakestack.Fault, patience string) bool {
	t.Helper()
	request, f := begin(t, name)
	if endless[fault.Name] {
		f.patience(patience)
	}
	var made atomic.Bool
	fault.Hook = func(*http.Request) { made.Store(true) }
	remove := f.front(request.product).Inject(fault.On(request.match))
	f.outcome(request, f.ran(request.command(f)), absorbed[faultName])
	remove()
	if made.Load() {
		f.recover(request)
	}
	return made.Load()
}

// begin prepares a run in which a request is about to fail.
func begin(t *testing.T, name string) (request, *faultRun) {
	t.Helper()
	request := requestNamed(t, name)
	f := newFaultRun(t)
	request.prepare(f)
	f.seeking = request.seeks
	return request, f
}

// outcome fails the test if a fault that changes nothing for the user has changed something.
func (f *faultRun) outcome(request request, diagnostics acctest.Diagnostics, absorbed bool) {
	f.Helper()
	if failed := len(diagnostics.Errors()) > 0; absorbed && failed != request.refuses {
		f.Errorf("the command fails: %t, and without the fault: %t\n%s", failed, request.refuses, diagnostics)
	}
}

// interruptFault is Ctrl-C while the request is under way. Before the server acts means that it acts when nobody waits for
// it any more.
func interruptFault(t *testing.T, name string, after bool) {
	request, f := begin(t, name)
	ctx, cancel := context.WithCancel(f.core.Context)
	defer cancel()
	whole := f.core.Context
	f.core.Context = ctx
	hook := fakestack.Hook(func(r *http.Request) {
		cancel()
		if request.finishes {
			return
		}
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
			t.Error("the interrupt does not end the request")
		}
	}).On(request.match).Once()
	if after {
		hook = hook.After()
	}
	remove := f.front(request.product).Inject(hook)
	// What belongs to a creation is done all the same; with create_before_destroy the destruction comes after it.
	f.outcome(request, f.ran(request.command(f)), request.finishes && !f.core.CreateBeforeDestroy)
	remove()
	if ctx.Err() == nil {
		t.Error("the request was never made")
	}
	if request.finishes && !request.refuses && f.core.State() == nil {
		t.Error("the interrupt has kept the key from the state")
	}
	f.core.Context = whole
	f.recover(request)
}

// killFault is the death of the provider while the request is under way: it asks nothing more, and neither state nor
// diagnostics of that run are left. What it has made is named by the next run.
func killFault(t *testing.T, name string, after bool) {
	request, f := begin(t, name)
	before := f.core.Snapshot()
	ctx, cancel := context.WithCancel(f.core.Context)
	defer cancel()
	whole := f.core.Context
	f.core.Context = ctx
	var dead atomic.Bool
	last := fakestack.CloseWithoutAnswer().On(request.match).Once()
	last.Hook = func(*http.Request) {
		dead.Store(true)
		cancel()
	}
	if after {
		last = last.After()
	}
	remove := f.front(request.product).Inject(last)
	silence := fakestack.CloseWithoutAnswer().On(func(*http.Request) bool { return dead.Load() })
	unmute := []func(){f.w.Stack.Kibana.Inject(silence), f.w.Stack.Elasticsearch.Inject(silence)}
	diagnostics := request.command(f)
	f.finish()
	remove()
	for _, speak := range unmute {
		speak()
	}
	if !dead.Load() {
		t.Error("the request was never made")
	}
	// Nobody has read them, but a terminal may have.
	f.log.WriteString(diagnostics.String())
	f.core.Context = whole
	f.core.Restore(before)
	f.count()
	f.recover(request)
}

// surroundings are faults of the surroundings of a whole run.
func surroundings() map[string]func(f *faultRun, provider map[string]any, product string) {
	endpoint := func(url string) func(*faultRun, map[string]any, string) {
		return func(_ *faultRun, provider map[string]any, product string) {
			if product == "Kibana" {
				provider["kibana"].(map[string]any)["endpoint"] = url
				return
			}
			provider["elasticsearch"].(map[string]any)["endpoints"] = []string{url}
		}
	}
	return map[string]func(*faultRun, map[string]any, string){
		"connection refused": endpoint(closedPort),
		"DNS failure":        endpoint("http://elastic.invalid"),
		"TLS failure": func(f *faultRun, provider map[string]any, product string) {
			url := f.w.ElasticsearchURL()
			if product == "Kibana" {
				url = f.w.KibanaURL()
			}
			endpoint("https"+url[len("http"):])(f, provider, product)
		},
		"one of two Elasticsearch endpoints is dead": func(f *faultRun, provider map[string]any, _ string) {
			provider["elasticsearch"].(map[string]any)["endpoints"] = []string{closedPort, f.w.ElasticsearchURL()}
		},
		"the server's clock is an hour ahead":  func(f *faultRun, _ map[string]any, _ string) { f.w.Clock.Skew(-time.Hour) },
		"the server's clock is an hour behind": func(f *faultRun, _ map[string]any, _ string) { f.w.Clock.Skew(time.Hour) },
	}
}

func surroundingFault(t *testing.T, name, surrounding string, change func(*faultRun, map[string]any, string)) {
	request, f := begin(t, name)
	provider := f.w.ProviderConfig(f.w.BasicAuth(), nil)
	if f.provider != nil {
		maps.Copy(provider, f.provider)
	}
	change(f, provider, request.product)
	f.as(provider)
	diagnostics := f.ran(request.command(f))
	f.outcome(request, diagnostics, absorbed[surrounding])
	if !absorbed[surrounding] && len(diagnostics) == 0 {
		t.Error("the user is not told")
	}
	f.recover(request)
}
