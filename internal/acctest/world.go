// Package acctest runs the provider against a stack: in memory by default, or a real Elasticsearch behind the Kibana
// stand-in when APM_TEST_ELASTICSEARCH_URL, _USERNAME and _PASSWORD name one, or behind a real Kibana when
// APM_TEST_KIBANA_URL names that too.
package acctest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/provider"
)

// Space is a space of Kibana beside the default one. A real Kibana has the one that APM_TEST_KIBANA_SPACE names.
var Space = cmp.Or(os.Getenv("APM_TEST_KIBANA_SPACE"), "observability")

// World is a stack with a user of its own, and a provider whose clock the test can move. It ends with the test.
type World struct {
	*fakestack.Stack

	// Username and Password are those of a user with the least privileges that agent keys need.
	Username, Password string
	// Clock is the provider's. In memory it is the servers' clock too, and waiting moves it instead of taking time.
	Clock *Clock
	// Real says that a real Elasticsearch is behind the front.
	Real bool
}

// New starts a world. configure may change the options of the in-memory stack.
func New(t *testing.T, configure ...func(*fakestack.Options)) *World {
	t.Helper()
	options := fakestack.Options{
		Upstream:       os.Getenv("APM_TEST_ELASTICSEARCH_URL"),
		KibanaUpstream: os.Getenv("APM_TEST_KIBANA_URL"),
		Username:       os.Getenv("APM_TEST_ELASTICSEARCH_USERNAME"),
		Password:       os.Getenv("APM_TEST_ELASTICSEARCH_PASSWORD"),
		Clock:          fakestack.RealTime(),
		Spaces:         []string{Space},
	}
	for _, change := range configure {
		change(&options)
	}
	stack, err := fakestack.Start(t.Context(), options)
	if err != nil {
		t.Fatalf("starting the stack: %s", err)
	}
	t.Cleanup(stack.Close)
	w := &World{Stack: stack, Real: options.Upstream != "", Username: Unique("terraform"), Password: rand.Text()}
	w.Clock = &Clock{Clock: options.Clock, real: w.Real, stack: stack}
	w.User(t, w.Username, w.Password, fakestack.AgentKeyRole())
	return w
}

// User creates a user with one role of its own.
func (w *World) User(t *testing.T, username, password string, role fakestack.Role) {
	t.Helper()
	roleName := username + "_role"
	if err := w.SeedRole(t.Context(), roleName, role); err != nil {
		t.Fatalf("creating the role %s: %s", roleName, err)
	}
	if err := w.SeedUser(t.Context(), username, password, roleName); err != nil {
		t.Fatalf("creating the user %s: %s", username, err)
	}
}

// Factory returns what starts a provider with its own clock, and with these environment variables alone.
func Factory(c clock.Clock, variables map[string]string) func() (tfprotov6.ProviderServer, error) {
	newProvider := provider.New(provider.Dependencies{
		Version: "test", Clock: c, Getenv: func(name string) string { return variables[name] },
	})
	return func() (tfprotov6.ProviderServer, error) { return providerserver.NewProtocol6WithError(newProvider())() }
}

// Factories returns the provider for a test case. It sees no environment variable.
func (w *World) Factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return w.FactoriesWithEnvironment(nil)
}

// FactoriesWithEnvironment returns the provider for a test case, with these environment variables alone.
func (w *World) FactoriesWithEnvironment(variables map[string]string) map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){"apm": Factory(w.Clock, variables)}
}

// Config returns the provider's configuration for the least-privilege user, followed by more configuration.
func (w *World) Config(more string) string {
	return w.ConfigAs(w.Basic(w.Username, w.Password), "", more)
}

// ConfigAs returns the provider's configuration with the given lines in each block.
func (w *World) ConfigAs(kibana, elasticsearch, more string) string {
	return fmt.Sprintf(`
provider "apm" {
  kibana {
    endpoint = %q
    %s
  }
  elasticsearch {
    endpoints = [%q]
    %s
  }
}
%s`, w.KibanaURL(), kibana, w.ElasticsearchURL(), elasticsearch, more)
}

// Basic returns the lines of a block for basic authentication.
func (w *World) Basic(username, password string) string {
	return fmt.Sprintf("username = %q\n    password = %q", username, password)
}

// OwnKeys returns the keys of this world's user alone, dead ones too: a real Elasticsearch is shared by many tests.
func (w *World) OwnKeys(t testing.TB) []fakestack.KeyRecord { return w.KeysOf(t, w.Username) }

// KeysOf returns the agent keys of a user, dead ones too.
func (w *World) KeysOf(t testing.TB, username string) []fakestack.KeyRecord {
	t.Helper()
	keys, err := w.keysOf(context.WithoutCancel(t.Context()), username)
	if err != nil {
		t.Fatalf("asking the server for its keys: %s", err)
	}
	return keys
}

// LiveKeys returns the ids of this world's keys that are neither revoked nor expired.
func (w *World) LiveKeys(t testing.TB) []string {
	t.Helper()
	ids, err := w.liveKeys(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatalf("asking the server for its keys: %s", err)
	}
	return ids
}

// Sent returns the requests since the last reset as "method path", Kibana's before Elasticsearch's, and resets the logs.
func (w *World) Sent() []string {
	var sent []string
	for _, front := range []*fakestack.Front{w.Stack.Kibana, w.Stack.Elasticsearch} {
		for _, request := range front.Requests() {
			if request.Header.Get("User-Agent") == "terraform-provider-apm/test" {
				sent = append(sent, request.Method+" "+request.Path)
			}
		}
		front.ResetRequests()
	}
	return sent
}

func (w *World) keysOf(ctx context.Context, username string) ([]fakestack.KeyRecord, error) {
	keys, err := w.Keys(ctx)
	return slices.DeleteFunc(keys, func(k fakestack.KeyRecord) bool { return k.Username != username }), err
}

func (w *World) liveKeys(ctx context.Context) ([]string, error) {
	keys, err := w.keysOf(ctx, w.Username)
	var ids []string
	for _, key := range keys {
		if !key.Invalidated && (key.Expiration.IsZero() || key.Expiration.After(w.Stack.Clock().Now())) {
			ids = append(ids, key.ID)
		}
	}
	return ids, err
}

// Unique returns a name that no other test uses.
func Unique(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }

// Clock is a clock of the provider on which waiting takes no time, unless the server's clock cannot be moved.
type Clock struct {
	*fakestack.Clock
	real  bool
	stack *fakestack.Stack
	// skew is how far this clock is ahead of the servers', in nanoseconds.
	skew atomic.Int64
}

// Now implements clock.Clock.
func (c *Clock) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.skew.Load())) }

// Skew sets how far this clock is ahead of the servers'.
func (c *Clock) Skew(d time.Duration) { c.skew.Store(int64(d)) }

// Sleep implements clock.Clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if c.real {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
		return ctx.Err()
	}
	// A pause gives the servers the time to end what they have begun, however busy the machine is.
	c.stack.Kibana.Settle()
	c.stack.Elasticsearch.Settle()
	c.Advance(d)
	return ctx.Err()
}
