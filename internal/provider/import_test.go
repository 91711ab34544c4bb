package provider_test

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// existing creates an agent key with another Terraform, and returns its state.
func existing(t *testing.T, w *acctest.World) map[string]any {
	t.Helper()
	core := w.Core(t, nil)
	create(t, core, config("checkout"))
	w.Sent()
	return core.State()
}

func TestAccAgentKey_importByIDLeavesTheSecretUnknownAndReplacesNothing(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	made := existing(t, w)
	id := made["id"].(string)
	core := w.Core(t, nil)
	warned(t, core.Import(id), "Secret of the imported key is unknown", "checkout", "api_key and encoded stay null", "encoded form", "-replace")
	want := map[string]any{}
	maps.Copy(want, made)
	want["api_key"], want["encoded"] = nil, nil
	if diff := cmp.Diff(want, core.State()); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}

	plan := core.Plan(config("checkout"))
	silent(t, plan.Diagnostics)
	planned(t, plan, acctest.NoOp)
	silent(t, core.Destroy())
	if !isRevoked(t, w, id) {
		t.Error("the imported key was not revoked")
	}
}

func TestAccAgentKey_importByTheEncodedFormKeepsTheSecret(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	made := existing(t, w)
	core := w.Core(t, nil)
	silent(t, core.Import(made["encoded"].(string)))
	if !cmp.Equal(made, core.State()) {
		t.Error("the imported state differs from that of the creation")
	}
	plan := core.Plan(config("checkout"))
	silent(t, plan.Diagnostics)
	planned(t, plan, acctest.NoOp)
	silent(t, core.Destroy())
	onlyAlive(t, w)
}

func TestAccAgentKey_anImportedKeyOfAnotherOwnerIsReadAndRevokedByAManager(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	made := existing(t, w)
	core := w.Core(t, w.ProviderConfig(user(t, w, fakestack.AgentKeyRole()), user(t, w, cluster("manage_api_key"))))
	silent(t, core.Import(made["encoded"].(string)))
	if core.State()["username"] != w.Username {
		t.Errorf("the owner is %v", core.State()["username"])
	}
	planned(t, core.Plan(config("checkout")), acctest.NoOp)
	silent(t, core.Destroy())
	onlyAlive(t, w)
}

func TestAccAgentKey_importRefusesWhatIsNoLiveAgentKey(t *testing.T) {
	t.Parallel()
	agentKey := agentKeyDescriptors("*", nil)["role_descriptors"]
	other := func(metadata map[string]any, descriptors any) func(t *testing.T, w *acctest.World) string {
		return func(t *testing.T, w *acctest.World) string {
			t.Helper()
			key, err := w.CreateAPIKey(t.Context(), credentialsOf(w.BasicAuth()), map[string]any{
				"name": "other", "metadata": metadata, "role_descriptors": descriptors,
			})
			if err != nil {
				t.Fatalf("creating a key: %s", err)
			}
			return key.ID
		}
	}
	apm := map[string]any{"application": "apm"}
	for what, test := range map[string]struct {
		// name returns what is imported.
		name  func(t *testing.T, w *acctest.World) string
		texts []string
	}{
		"revoked": {func(t *testing.T, w *acctest.World) string {
			id := existing(t, w)["id"].(string)
			revoke(t, w, id)
			return id
		}, []string{"it is revoked, which cannot be undone"}},
		"revoked, by its encoded form": {func(t *testing.T, w *acctest.World) string {
			made := existing(t, w)
			revoke(t, w, made["id"].(string))
			return made["encoded"].(string)
		}, []string{"does not accept its secret", "revoked or expired"}},
		"expired": {func(t *testing.T, w *acctest.World) string {
			id := existing(t, w)["id"].(string)
			expire(t, w, id)
			return id
		}, []string{"it has expired"}},
		"no metadata":     {other(map[string]any{}, agentKey), []string{`metadata.application is ""`}},
		"another product": {other(map[string]any{"application": "fleet"}, agentKey), []string{`metadata.application is "fleet"`}},
		"all of the owner's privileges": {
			other(apm, map[string]any{}), []string{"it has all privileges of its owner"},
		},
		"more than agents need": {
			other(apm, agentKeyDescriptors("*", map[string]any{"cluster": []string{"manage_own_api_key"}})["role_descriptors"]), []string{"also grants cluster"},
		},
		"no privilege": {
			other(apm, map[string]any{"apm": map[string]any{"cluster": []string{}}}), []string{`grants no privilege of the application "apm"`},
		},
		"another type": {func(t *testing.T, w *acctest.World) string {
			// A real one takes a licence for cross-cluster search.
			inject(t, w.Stack.Elasticsearch, fakestack.RewriteBody(func(body map[string]any) {
				for _, key := range body["api_keys"].([]any) {
					key.(map[string]any)["type"] = "cross_cluster"
				}
			}).On(toQuery))
			return existing(t, w)["id"].(string)
		}, []string{`its type is "cross_cluster", not "rest"`}},
		"a wrong secret": {func(t *testing.T, w *acctest.World) string {
			id := existing(t, w)["id"].(string)
			return base64.StdEncoding.EncodeToString([]byte(id + ":" + strings.Repeat("x", 22)))
		}, []string{"does not accept its secret", "the secret is not its own"}},
		"unknown, by an encoded form": {func(*testing.T, *acctest.World) string {
			return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("i", 20) + ":" + strings.Repeat("x", 22)))
		}, []string{strings.Repeat("i", 20), "does not accept its secret"}},
		"unknown": {func(*testing.T, *acctest.World) string { return "nosuchkeynosuchkey00" }, []string{
			"nosuchkeynosuchkey00", "does not exist, or it belongs to somebody else", "manage_api_key",
		}},
		// Its bytes hold a colon, as those of an encoded key do.
		"unknown, by an id that could be base64": {func(*testing.T, *acctest.World) string { return "AAAAADpBQUFBQUFBQUFB" }, []string{
			"AAAAADpBQUFBQUFBQUFB", "does not exist, or it belongs to somebody else",
		}},
		"empty": {func(*testing.T, *acctest.World) string { return "" }, nil},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			name := test.name(t, w)
			core := w.Core(t, nil)
			diagnostics := core.Import(name)
			refused(t, diagnostics, "Unable to import APM agent key", test.texts...)
			if len(name) > 20 && strings.Contains(diagnostics.String(), name) {
				t.Error("the diagnostics repeat the secret")
			}
			if core.State() != nil {
				t.Error("there is a state")
			}
		})
	}
}

func TestAccAgentKey_importOfAnUnknownKeyByAManagerSaysThatThereIsNone(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, w.ProviderConfig(w.BasicAuth(), user(t, w, cluster("manage_api_key"))))
	refused(t, core.Import("nosuchkeynosuchkey00"), "Unable to import APM agent key", "nosuchkeynosuchkey00", "knows no such key")
}

// TestAccAgentKey_importNeverRepeatsASecretThatWasGivenInPlaceOfTheID is about the mistakes that are easy to make: Kibana
// shows id, name, api_key and encoded side by side.
func TestAccAgentKey_importNeverRepeatsASecretThatWasGivenInPlaceOfTheID(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	made := existing(t, w)
	secret := made["api_key"].(string)
	for what, name := range map[string]string{
		"api_key": secret, "id:api_key": made["id"].(string) + ":" + secret, "header": "ApiKey " + made["encoded"].(string),
		"encoded without its last character": strings.TrimSuffix(made["encoded"].(string), "="),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			core := w.Core(t, nil)
			diagnostics := core.Import(name)
			if len(diagnostics.Errors()) != 1 || core.State() != nil {
				t.Fatalf("%d errors, and a state: %t", len(diagnostics.Errors()), core.State() != nil)
			}
			if strings.Contains(diagnostics.String(), secret) || strings.Contains(diagnostics.String(), strings.TrimRight(made["encoded"].(string), "=")) {
				t.Error("the diagnostics repeat the secret")
			}
			if text := diagnostics.String(); !strings.Contains(text, "encoded") || !strings.Contains(text, "id") {
				t.Error("the diagnostics do not say what to import by")
			}
		})
	}
}
