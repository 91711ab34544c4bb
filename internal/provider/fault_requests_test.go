package provider_test

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// request is one of the requests that the provider makes, with the command that makes it.
type request struct {
	name    string
	product string // "Kibana" or "Elasticsearch"
	match   func(*http.Request) bool
	// prepare brings the world to where the command is next.
	prepare func(f *faultRun)
	// command is the run of Terraform that fails.
	command func(f *faultRun) acctest.Diagnostics
	// want is the configuration from then on.
	want map[string]any
	// refuses says that the command ends with an error even without a fault.
	refuses bool
	// finishes says that an interrupt does not cut the request: it belongs to a creation.
	finishes bool
	// seeks says that the request looks for a key whose answer was lost. Without it the key is named by the next run.
	seeks bool
	// imports says that the user gives the command again when it has failed, before he applies.
	imports bool
}

var (
	toCreate       = fakestack.To("POST", createRoute)
	toUpdate       = fakestack.To("PUT", keyRoute+"/*")
	toAuthenticate = fakestack.To("GET", whoRoute)
	toPrivileges   = fakestack.To("POST", mayRoute)
)

// basic is the configuration of most pairs; ending has every call in it that a life can have.
var (
	basic  = config("checkout")
	ending = adding(config("checkout"), "expires_in", "90d", "rotate_after", "60d", "revoke_after", "1h")
)

func apply(want map[string]any) func(*faultRun) acctest.Diagnostics {
	return func(f *faultRun) acctest.Diagnostics { return f.core.Run(want) }
}

func destroy(f *faultRun) acctest.Diagnostics { return f.core.Destroy() }

func refresh(f *faultRun) acctest.Diagnostics { return f.core.Refresh() }

// having prepares a key of this configuration.
func having(want map[string]any) func(*faultRun) {
	return func(f *faultRun) { f.ran(f.core.Run(want)) }
}

func nothing(*faultRun) {}

// requests are all that the provider makes.
func requests() []request {
	const kibana, elasticsearch = "Kibana", "Elasticsearch"
	less := adding(basic, "privileges", []string{"event:write"})
	renamed, rotated := adding(basic, "name", "basket"), adding(ending, "name", "basket")
	ephemeral := adding(basic, "expires_in", "90d")
	return []request{
		{name: "create", product: kibana, match: toCreate, finishes: true, prepare: nothing, command: apply(basic), want: basic},
		{name: "create of a replacement", product: kibana, match: toCreate, finishes: true, prepare: having(basic), command: apply(renamed), want: renamed},
		{name: "create before destroy", product: kibana, match: toCreate, finishes: true, prepare: func(f *faultRun) {
			f.core.CreateBeforeDestroy = true
			having(ending)(f)
		}, command: apply(rotated), want: rotated},
		{name: "read after create", product: elasticsearch, match: toQuery, finishes: true, prepare: nothing, command: apply(basic), want: basic},
		{name: "end of a new key", product: elasticsearch, match: toUpdate, finishes: true, prepare: nothing, command: apply(ending), want: ending},
		{name: "refresh", product: elasticsearch, match: toQuery, prepare: having(basic), command: refresh, want: basic},
		{name: "refresh of a key that ends", product: elasticsearch, match: nth(2, toQuery), prepare: having(ending), command: refresh, want: ending},
		{name: "is everything visible", product: elasticsearch, match: toPrivileges, prepare: func(f *faultRun) {
			having(basic)(f)
			f.stranger()
		}, command: refresh, want: basic, refuses: true},
		{name: "who asks", product: elasticsearch, match: toAuthenticate, prepare: func(f *faultRun) {
			having(basic)(f)
			f.stranger()
		}, command: refresh, want: basic, refuses: true},
		{name: "who owns", product: elasticsearch, match: toAuthenticate, prepare: having(basic), command: apply(less), want: less},
		{name: "does the owner have the privileges", product: elasticsearch, match: toPrivileges, prepare: having(basic), command: apply(less), want: less},
		{name: "change", product: elasticsearch, match: toUpdate, prepare: having(basic), command: apply(less), want: less},
		{name: "read after change", product: elasticsearch, match: after(1, toUpdate, toQuery), prepare: having(basic), command: apply(less), want: less},
		{name: "move of the end", product: elasticsearch, match: toUpdate, prepare: having(ending), command: apply(adding(ending, "expires_in", "80d")), want: adding(ending, "expires_in", "80d")},
		{name: "revoke", product: elasticsearch, match: toRevoke, prepare: having(basic), command: destroy, want: basic},
		{name: "revoke of a replaced key", product: elasticsearch, match: toRevoke, prepare: having(basic), command: apply(renamed), want: renamed},
		{name: "revoke after create", product: elasticsearch, match: toRevoke, prepare: func(f *faultRun) {
			f.core.CreateBeforeDestroy = true
			having(basic)(f)
		}, command: apply(renamed), want: renamed},
		{name: "look after a revoke that named nothing", product: elasticsearch, match: after(1, toRevoke, toQuery), prepare: func(f *faultRun) {
			having(basic)(f)
			// Somebody is quicker, so that nothing is left to revoke.
			id := idOf(f.T, f.core)
			inject(f.T, f.w.Stack.Elasticsearch, fakestack.Hook(func(*http.Request) { revoke(f.T, f.w, id) }).On(toRevoke).Once())
		}, command: destroy, want: basic},
		{name: "read before the grace period", product: elasticsearch, match: nth(3, toQuery), prepare: having(ending), command: destroy, want: ending},
		{name: "grace period", product: elasticsearch, match: toUpdate, prepare: having(ending), command: destroy, want: ending},
		{name: "read in the grace period", product: elasticsearch, match: after(1, toUpdate, toQuery), prepare: having(ending), command: destroy, want: ending},
		{name: "grace period of a replaced key", product: elasticsearch, match: toUpdate, prepare: having(adding(basic, "revoke_after", "1h")), command: apply(renamed), want: renamed},
		{name: "read before the grace period of a replaced key", product: elasticsearch, match: nth(3, toQuery), prepare: having(ending), command: apply(rotated), want: rotated},
		{name: "read in the grace period of a replaced key", product: elasticsearch, match: after(1, toUpdate, toQuery), prepare: having(ending), command: apply(rotated), want: rotated},
		{name: "create in the grace period", product: kibana, match: toCreate, finishes: true, prepare: having(ending), command: apply(rotated), want: rotated},
		{name: "end of the key after", product: elasticsearch, match: nth(2, toUpdate), finishes: true, prepare: having(ending), command: apply(rotated), want: rotated},
		{name: "read of the key after", product: elasticsearch, match: after(2, toUpdate, toQuery), finishes: true, prepare: having(ending), command: apply(rotated), want: rotated},
		{name: "grace period after create", product: elasticsearch, match: nth(2, toUpdate), prepare: func(f *faultRun) {
			f.core.CreateBeforeDestroy = true
			having(ending)(f)
		}, command: apply(rotated), want: rotated},
		{name: "whether it has expired", product: elasticsearch, match: nth(3, toQuery), prepare: func(f *faultRun) {
			having(ephemeral)(f)
			expire(f.T, f.w, idOf(f.T, f.core))
		}, command: refresh, want: ephemeral},
		{name: "listing", product: elasticsearch, match: nth(2, toQuery), prepare: listed, command: refresh, want: basic},
		{name: "whose secret is imported", product: elasticsearch, match: toAuthenticate, prepare: found, command: importing((*faultRun).encodedOf), want: basic, imports: true},
		{name: "read of an import", product: elasticsearch, match: toQuery, prepare: found, command: importing(func(_ *faultRun, id string) string { return id }), want: basic, imports: true},
		{name: "who has lost a key", product: elasticsearch, match: toAuthenticate, finishes: true, prepare: losing, command: apply(basic), want: basic, refuses: true, seeks: true},
		{name: "search for a lost key", product: elasticsearch, match: toQuery, finishes: true, prepare: losing, command: apply(basic), want: basic, refuses: true, seeks: true},
	}
}

// losing prepares a create whose answer is lost.
func losing(f *faultRun) {
	inject(f.T, f.w.Stack.Kibana, fakestack.Reset().After().On(toCreate).Once())
}

// found prepares a key that the user has from elsewhere: he knows its id and its secret, and no state has it.
func found(f *faultRun) {
	before := f.core.Snapshot()
	f.found = create(f.T, f.core, basic)
	f.core.Restore(before)
	f.told.WriteString(f.found)
	f.count()
}

// importing imports the key that was found, by what name makes of its id.
func importing(name func(f *faultRun, id string) string) func(*faultRun) acctest.Diagnostics {
	return func(f *faultRun) acctest.Diagnostics { return f.core.Import(name(f, f.found)) }
}

// listed prepares a key that is not the first of its owner that a refresh looks at, so that it is listed with all others.
func listed(f *faultRun) {
	having(basic)(f)
	logged := f.core.Context
	before := f.core.Snapshot()
	f.core = acctest.NewCore(f.T, func() (tfprotov6.ProviderServer, error) {
		server, err := f.w.Factories()["apm"]()
		return &readTwice{server}, err
	}, f.w.ProviderConfig(f.w.BasicAuth(), nil))
	f.core.Context = logged
	f.core.Restore(before)
}

// readTwice reads every resource twice, as if there were two of them.
type readTwice struct{ tfprotov6.ProviderServer }

// ReadResource implements tfprotov6.ProviderServer.
func (s *readTwice) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	if resp, err := s.ProviderServer.ReadResource(ctx, req); err != nil || len(resp.Diagnostics) > 0 {
		return resp, err
	}
	return s.ProviderServer.ReadResource(ctx, req)
}

// nth matches the nth of the requests that match, and all later ones.
func nth(n int64, match func(*http.Request) bool) func(*http.Request) bool {
	var seen atomic.Int64
	return func(r *http.Request) bool { return match(r) && seen.Add(1) >= n }
}

// after matches what matches once n of the requests before were there.
func after(n int64, before, match func(*http.Request) bool) func(*http.Request) bool {
	var seen atomic.Int64
	return func(r *http.Request) bool {
		if before(r) {
			seen.Add(1)
		}
		return seen.Load() >= n && match(r)
	}
}
