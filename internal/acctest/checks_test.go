package acctest_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

const address = "apm_agent_key.checkout"

// check returns what the check says of a state with these attributes, nil for a state without the resource.
func check(t *testing.T, c statecheck.StateCheck, attributes map[string]any) error {
	t.Helper()
	module := &tfjson.StateModule{}
	if attributes != nil {
		module.Resources = []*tfjson.StateResource{{Address: address, AttributeValues: attributes}}
	}
	var resp statecheck.CheckStateResponse
	c.CheckState(t.Context(), statecheck.CheckStateRequest{State: &tfjson.State{Values: &tfjson.StateValues{RootModule: module}}}, &resp)
	return resp.Error
}

// created returns a world with one key, and its attributes.
func created(t *testing.T) (*acctest.World, map[string]any) {
	t.Helper()
	w := acctest.New(t)
	core := w.Core(t, nil)
	if errs := core.Run(keyConfig("checkout")).Errors(); len(errs) > 0 {
		t.Fatalf("creating a key: %s", errs)
	}
	return w, core.State()
}

// keyConfig returns the configuration of a key.
func keyConfig(name string) map[string]any {
	return map[string]any{"name": name, "privileges": []string{"event:write"}}
}

func TestExpectWorkingKey_findsEveryDifferenceBetweenStateAndServer(t *testing.T) {
	t.Parallel()
	w, attributes := created(t)
	if err := check(t, w.ExpectWorkingKey(address), attributes); err != nil {
		t.Fatalf("a working key is refused: %s", err)
	}
	_, other := created(t)
	for name, value := range map[string]any{
		"id": "none", "name": "other", "username": "other", "realm": "other", "privileges": []any{"config_agent:read"},
		"encoded": other["encoded"], "expiration": "2030-01-01T00:00:00.000Z",
	} {
		changed := maps.Clone(attributes)
		changed[name] = value
		err := check(t, w.ExpectWorkingKey(address), changed)
		if err == nil {
			t.Errorf("another %s is not found", name)
			continue
		}
		for _, secret := range []string{attributes["api_key"].(string), attributes["encoded"].(string), other["encoded"].(string)} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error about another %s repeats a secret", name)
			}
		}
	}
	if check(t, w.ExpectWorkingKey(address), nil) == nil {
		t.Error("a missing resource is not found")
	}
	if err := w.Invalidate(t.Context(), attributes["id"].(string)); err != nil {
		t.Fatalf("revoking the key: %s", err)
	}
	if err := check(t, w.ExpectWorkingKey(address), attributes); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a revoked key is not found: %v", err)
	}
}

func TestExpectLife_measuresTheLifeOnTheServer(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	for life, want := range map[string]time.Duration{"": 0, "30m": 30 * time.Minute} {
		core := w.Core(t, nil)
		config := keyConfig("checkout")
		if life != "" {
			config["expires_in"] = life
		}
		if errs := core.Run(config).Errors(); len(errs) > 0 {
			t.Fatalf("creating a key: %s", errs)
		}
		for _, expected := range []time.Duration{0, 30 * time.Minute, 35 * time.Minute} {
			if err := check(t, w.ExpectLife(address, expected), core.State()); (err == nil) != (expected == want) {
				t.Errorf("with a life of %s, %s expected: %v", want, expected, err)
			}
		}
	}
	if check(t, w.ExpectLife(address, 0), nil) == nil {
		t.Error("a missing resource is not found")
	}
}

func TestExpectLiveKeys_countsTheLiveOnesOfTheWorldAlone(t *testing.T) {
	t.Parallel()
	w, attributes := created(t)
	expect := func(want int) {
		t.Helper()
		for count := range 3 {
			if err := check(t, w.ExpectLiveKeys(count), attributes); (err == nil) != (count == want) {
				t.Errorf("with %d live keys, %d expected: %v", want, count, err)
			}
		}
		if err := w.CheckDestroy(nil); (err == nil) != (want == 0) {
			t.Errorf("with %d live keys, none expected: %v", want, err)
		}
	}
	expect(1)
	superuser := w.Core(t, w.ProviderConfig(map[string]any{"username": "elastic", "password": "changeme"}, nil))
	if errs := superuser.Run(keyConfig("another's")).Errors(); len(errs) > 0 {
		t.Fatalf("creating a key: %s", errs)
	}
	expect(1)
	if err := w.Invalidate(t.Context(), attributes["id"].(string)); err != nil {
		t.Fatalf("revoking the key: %s", err)
	}
	expect(0)
}
