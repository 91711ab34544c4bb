package acctest

import (
	"context"
	"fmt"
	"slices"
	"time"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// stateCheck is a function that is a statecheck.StateCheck.
type stateCheck func(ctx context.Context, state *tfjson.State) error

var _ statecheck.StateCheck = stateCheck(nil)

// CheckState implements statecheck.StateCheck.
func (c stateCheck) CheckState(ctx context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	resp.Error = c(ctx, req.State)
}

// ExpectWorkingKey checks that the key at the address is on the server as the state says, and authenticates with the
// encoded key of the state. The error never holds a secret.
func (w *World) ExpectWorkingKey(address string) statecheck.StateCheck {
	return stateCheck(func(ctx context.Context, state *tfjson.State) error {
		resource, err := find(state, address)
		if err != nil {
			return err
		}
		text := func(name string) string {
			value, _ := resource.AttributeValues[name].(string)
			return value
		}
		key, err := w.Key(ctx, text("id"))
		if err != nil {
			return fmt.Errorf("%s: asking the server for the key: %w", address, err)
		}
		var privileges []string
		for _, privilege := range toSlice(resource.AttributeValues["privileges"]) {
			privileges = append(privileges, fmt.Sprint(privilege))
		}
		switch {
		case key.Invalidated:
			return fmt.Errorf("%s: the key is revoked", address)
		case key.Name != text("name"):
			return fmt.Errorf("%s: the key is named %q on the server and %q in the state", address, key.Name, text("name"))
		case key.Username != text("username") || key.Realm != text("realm"):
			return fmt.Errorf("%s: the key is owned by %s (%s) on the server, and by %s (%s) in the state",
				address, key.Username, key.Realm, text("username"), text("realm"))
		case !slices.Equal(sorted(key.Privileges), sorted(privileges)):
			return fmt.Errorf("%s: the key has %v on the server and %v in the state", address, key.Privileges, privileges)
		case !key.Expiration.Equal(parsed(text("expiration"))):
			return fmt.Errorf("%s: the key ends at %s on the server and at %q in the state", address, key.Expiration, text("expiration"))
		case !w.Authenticates(ctx, text("encoded")):
			return fmt.Errorf("%s: the key does not authenticate", address)
		}
		return nil
	})
}

// ExpectLife checks how long the key at the address lives on the server, from its creation to its end, 0 for ever. It may
// be off by the tolerance that the provider promises.
func (w *World) ExpectLife(address string, want time.Duration) statecheck.StateCheck {
	return stateCheck(func(ctx context.Context, state *tfjson.State) error {
		resource, err := find(state, address)
		if err != nil {
			return err
		}
		id, _ := resource.AttributeValues["id"].(string)
		key, err := w.Key(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: asking the server for the key: %w", address, err)
		}
		var life time.Duration
		if !key.Expiration.IsZero() {
			life = key.Expiration.Sub(key.Creation)
		}
		if (life - want).Abs() > agentkey.EndTolerance {
			return fmt.Errorf("%s: the key lives for %s on the server instead of %s", address, life, want)
		}
		return nil
	})
}

// ExpectLiveKeys checks how many keys of the world's user live on the server.
func (w *World) ExpectLiveKeys(want int) statecheck.StateCheck {
	return stateCheck(func(ctx context.Context, _ *tfjson.State) error {
		live, err := w.liveKeys(ctx)
		if err == nil && len(live) != want {
			err = fmt.Errorf("%d keys live on the server instead of %d: %v", len(live), want, live)
		}
		return err
	})
}

// CheckDestroy checks that no key of the world's user lives on the server. It is the CheckDestroy of a test case.
func (w *World) CheckDestroy(*terraform.State) error {
	live, err := w.liveKeys(context.Background())
	if err == nil && len(live) > 0 {
		err = fmt.Errorf("these keys still live on the server: %v", live)
	}
	return err
}

// find returns a resource of the root module.
func find(state *tfjson.State, address string) (*tfjson.StateResource, error) {
	if state != nil && state.Values != nil && state.Values.RootModule != nil {
		for _, resource := range state.Values.RootModule.Resources {
			if resource.Address == address {
				return resource, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is not in the state", address)
}

// parsed returns a time of the state, zero for none.
func parsed(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

func toSlice(value any) []any {
	elements, _ := value.([]any)
	return elements
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }
