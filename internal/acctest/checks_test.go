package acctest_test

import (
	"maps"
	"strings"
	"testing"

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
		"encoded": other["encoded"],
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
