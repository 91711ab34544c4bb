package provider_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// stackVariables are the environment variables with which the world's user can do everything.
func stackVariables(w *acctest.World) map[string]string {
	return map[string]string{
		"KIBANA_ENDPOINT": w.KibanaURL(), "ELASTICSEARCH_ENDPOINTS": w.ElasticsearchURL(),
		"KIBANA_USERNAME": w.Username, "KIBANA_PASSWORD": w.Password,
	}
}

// wholeLife creates, reads and destroys a key.
func wholeLife(t *testing.T, w *acctest.World, core *acctest.Core) {
	t.Helper()
	succeed(t, core.Run(config("checkout")))
	if !w.Authenticates(t.Context(), encodedOf(t, core)) {
		t.Error("the key does not authenticate")
	}
	planned(t, core.Plan(config("checkout")), acctest.NoOp)
	id := idOf(t, core)
	succeed(t, core.Destroy())
	if !isRevoked(t, w, id) {
		t.Error("the key is not revoked")
	}
}

// callers returns who asked the product: "Basic terraform-x", "Bearer", "ApiKey".
func callers(front *fakestack.Front) []string {
	seen := map[string]bool{}
	var callers []string
	for _, request := range front.Requests() {
		caller := strings.TrimSpace(request.Scheme + " " + request.Username)
		if !seen[caller] {
			seen[caller] = true
			callers = append(callers, caller)
		}
	}
	return callers
}

func TestAccProvider_isConfiguredByTheEnvironmentAlone(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		// change changes the variables of a least-privilege user.
		change func(t *testing.T, w *acctest.World, variables map[string]string)
		// kibana and elasticsearch are who asks them.
		kibana, elasticsearch func(w *acctest.World) string
	}{
		"KIBANA_USERNAME and KIBANA_PASSWORD": {func(*testing.T, *acctest.World, map[string]string) {}, basicUser, basicUser},
		"ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD": {func(_ *testing.T, w *acctest.World, variables map[string]string) {
			delete(variables, "KIBANA_USERNAME")
			delete(variables, "KIBANA_PASSWORD")
			variables["ELASTICSEARCH_USERNAME"], variables["ELASTICSEARCH_PASSWORD"] = w.Username, w.Password
		}, basicUser, basicUser},
		"KIBANA_BEARER_TOKEN": {func(t *testing.T, w *acctest.World, variables map[string]string) {
			delete(variables, "KIBANA_USERNAME")
			delete(variables, "KIBANA_PASSWORD")
			variables["KIBANA_BEARER_TOKEN"] = bearer(t, w, w.BasicAuth())["bearer_token"].(string)
		}, scheme("Bearer"), scheme("Bearer")},
		"ELASTICSEARCH_BEARER_TOKEN": {func(t *testing.T, w *acctest.World, variables map[string]string) {
			variables["ELASTICSEARCH_BEARER_TOKEN"] = bearer(t, w, w.BasicAuth())["bearer_token"].(string)
		}, basicUser, scheme("Bearer")},
		"ELASTICSEARCH_API_KEY": {func(t *testing.T, w *acctest.World, variables map[string]string) {
			variables["ELASTICSEARCH_API_KEY"] = apiKey(t, w, superuser(t, w), "manage_api_key").Encoded
		}, basicUser, scheme("ApiKey")},
		"several ELASTICSEARCH_ENDPOINTS": {func(_ *testing.T, _ *acctest.World, variables map[string]string) {
			variables["ELASTICSEARCH_ENDPOINTS"] = closedPort + ", " + variables["ELASTICSEARCH_ENDPOINTS"]
		}, basicUser, basicUser},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			variables := stackVariables(w)
			test.change(t, w, variables)
			wholeLife(t, w, w.CoreWithEnvironment(t, map[string]any{}, variables))
			if diff := cmp.Diff([]string{test.kibana(w)}, callers(w.Stack.Kibana)); diff != "" {
				t.Errorf("who asked Kibana (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{test.elasticsearch(w)}, callers(w.Stack.Elasticsearch)); diff != "" {
				t.Errorf("who asked Elasticsearch (-want +got):\n%s", diff)
			}
		})
	}
}

func basicUser(w *acctest.World) string { return "Basic " + w.Username }

func scheme(name string) func(*acctest.World) string {
	return func(*acctest.World) string { return name }
}

func TestAccProvider_takesTheSpaceFromTheEnvironment(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	variables := stackVariables(w)
	variables["KIBANA_SPACE_ID"] = acctest.Space
	succeed(t, w.CoreWithEnvironment(t, map[string]any{}, variables).Run(config("checkout")))
	if sent := w.Sent(); sent[0] != "POST /s/"+acctest.Space+createRoute {
		t.Errorf("the key was created by %s", sent[0])
	}
}

func TestAccProvider_takesTheTLSSettingsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(t *testing.T, a authority, variables map[string]string){
		"KIBANA_CA_CERTS and ELASTICSEARCH_CA_FINGERPRINT": func(t *testing.T, a authority, variables map[string]string) {
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(file, []byte(a.pem()), 0o600); err != nil {
				t.Fatal(err)
			}
			variables["KIBANA_CA_CERTS"], variables["ELASTICSEARCH_CA_FINGERPRINT"] = file, a.fingerprint()
		},
		"KIBANA_INSECURE and ELASTICSEARCH_INSECURE": func(_ *testing.T, _ authority, variables map[string]string) {
			variables["KIBANA_INSECURE"], variables["ELASTICSEARCH_INSECURE"] = "true", "1"
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			w := a.world(t)
			variables := stackVariables(w)
			change(t, a, variables)
			wholeLife(t, w, w.CoreWithEnvironment(t, map[string]any{}, variables))
		})
	}
}

// TestAccProvider_findsBothProductsByTheCloudID has a Cloud ID whose parts make up 127.0.0.1 and the ports.
func TestAccProvider_findsBothProductsByTheCloudID(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	w := a.world(t)
	id := "a:label:" + strings.TrimPrefix(cloud(fmt.Sprintf("0.0.1:1$127:%s$127:%s", port(w.ElasticsearchURL()), port(w.KibanaURL()))), "label:")
	trust := with(w.BasicAuth(), "ca_data", a.pem())
	blocks := map[string]any{"kibana": trust, "elasticsearch": attributes("ca_data", a.pem())}

	wholeLife(t, w, w.CoreWithEnvironment(t, with(blocks, "cloud_id", id), nil))
	wholeLife(t, w, w.CoreWithEnvironment(t, blocks, map[string]string{"ELASTIC_CLOUD_ID": id}))
	// The endpoint of a block, and that of an environment variable, both win over the environment's Cloud ID.
	dead := "label:" + strings.TrimPrefix(cloud("0.0.1:1$127:1$127:1"), "label:")
	variables := map[string]string{"ELASTIC_CLOUD_ID": dead, "ELASTICSEARCH_ENDPOINTS": w.ElasticsearchURL(), "KIBANA_ENDPOINT": "https://127.0.0.1:1"}
	wholeLife(t, w, w.CoreWithEnvironment(t, with(blocks, "kibana", with(trust, "endpoint", w.KibanaURL())), variables))
	// A configured Cloud ID wins over the endpoints of the environment.
	variables = map[string]string{"ELASTICSEARCH_ENDPOINTS": "https://127.0.0.1:1", "KIBANA_ENDPOINT": "https://127.0.0.1:1"}
	wholeLife(t, w, w.CoreWithEnvironment(t, with(blocks, "cloud_id", id), variables))
}

func port(url string) string { return url[strings.LastIndex(url, ":")+1:] }

func TestAccProvider_configurationWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	variables := map[string]string{
		"KIBANA_ENDPOINT": "https://127.0.0.1:1", "ELASTICSEARCH_ENDPOINTS": "https://127.0.0.1:1", "KIBANA_SPACE_ID": "nowhere",
		"KIBANA_USERNAME": "leftover", "KIBANA_PASSWORD": "leftover", "ELASTICSEARCH_USERNAME": "leftover", "ELASTICSEARCH_PASSWORD": "leftover",
		"KIBANA_CA_CERTS": "/nowhere/ca.pem", "ELASTICSEARCH_CA_FINGERPRINT": "none", "ELASTIC_CLOUD_ID": cloud("0.0.1:1$127:1$127:1"),
	}
	// An authority that is not needed for plain http keeps those of the environment out.
	a := newAuthority(t)
	provider := w.ProviderConfig(with(w.BasicAuth(), "space_id", acctest.Space, "ca_data", a.pem()), with(w.BasicAuth(), "ca_data", a.pem()))
	wholeLife(t, w, w.CoreWithEnvironment(t, provider, variables))
}

func TestAccProvider_anAttributeOfACredentialKeepsOtherKindsOfTheEnvironmentOut(t *testing.T) {
	t.Parallel()
	token := func(t *testing.T, w *acctest.World) string {
		return bearer(t, w, w.BasicAuth())["bearer_token"].(string)
	}
	for what, test := range map[string]struct {
		// given returns the attributes of the kibana block, and the environment.
		given  func(t *testing.T, w *acctest.World) (map[string]any, map[string]string)
		caller func(w *acctest.World) string
	}{
		"a user over a token and a key": {func(_ *testing.T, w *acctest.World) (map[string]any, map[string]string) {
			return w.BasicAuth(), map[string]string{"KIBANA_BEARER_TOKEN": "leftover", "KIBANA_API_KEY": "leftover"}
		}, basicUser},
		"a token over a user": {func(t *testing.T, w *acctest.World) (map[string]any, map[string]string) {
			return attributes("bearer_token", token(t, w)), map[string]string{"KIBANA_USERNAME": "leftover", "KIBANA_PASSWORD": "leftover"}
		}, scheme("Bearer")},
		"a user name with the environment's password": {func(_ *testing.T, w *acctest.World) (map[string]any, map[string]string) {
			return attributes("username", w.Username), map[string]string{
				"KIBANA_USERNAME": "leftover", "KIBANA_PASSWORD": w.Password, "KIBANA_BEARER_TOKEN": "leftover",
			}
		}, basicUser},
		"a password with the environment's user name": {func(_ *testing.T, w *acctest.World) (map[string]any, map[string]string) {
			return attributes("password", w.Password), map[string]string{"KIBANA_USERNAME": w.Username, "KIBANA_PASSWORD": "leftover"}
		}, basicUser},
		"the environment's for Kibana, the configuration's for Elasticsearch": {func(_ *testing.T, w *acctest.World) (map[string]any, map[string]string) {
			return nil, map[string]string{"KIBANA_USERNAME": w.Username, "KIBANA_PASSWORD": w.Password}
		}, basicUser},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			kibana, variables := test.given(t, w)
			wholeLife(t, w, w.CoreWithEnvironment(t, w.ProviderConfig(kibana, nil), variables))
			if diff := cmp.Diff([]string{test.caller(w)}, callers(w.Stack.Kibana)); diff != "" {
				t.Errorf("who asked Kibana (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProvider_refusesAnEnvironmentThatCannotWork(t *testing.T) {
	t.Parallel()
	withoutUser := attributes("username", nil, "password", nil)
	for what, test := range map[string]struct {
		kibana, elasticsearch map[string]any
		variables             map[string]string
		attribute, summary    string
		texts                 []string
	}{
		"two kinds for Kibana": {
			withoutUser, nil, map[string]string{"KIBANA_USERNAME": "u", "KIBANA_PASSWORD": "s3cret-word", "KIBANA_BEARER_TOKEN": "s3cret-word"},
			"kibana", "Conflicting credentials", []string{"username and password as well as bearer_token", "KIBANA_USERNAME, KIBANA_PASSWORD, KIBANA_BEARER_TOKEN"},
		},
		"two kinds for Elasticsearch": {
			nil, nil, map[string]string{"ELASTICSEARCH_BEARER_TOKEN": "s3cret-word", "ELASTICSEARCH_API_KEY": "s3cret-word"},
			"elasticsearch", "Conflicting credentials", []string{"bearer_token as well as api_key", "ELASTICSEARCH_BEARER_TOKEN, ELASTICSEARCH_API_KEY"},
		},
		"a password alone": {
			withoutUser, nil, map[string]string{"KIBANA_PASSWORD": "s3cret-word"}, "kibana.username", "Missing user name", []string{"KIBANA_USERNAME"},
		},
		"a user name alone": {
			nil, nil, map[string]string{"ELASTICSEARCH_USERNAME": "u"}, "elasticsearch.password", "Missing password", []string{"ELASTICSEARCH_PASSWORD"},
		},
		"KIBANA_INSECURE": {
			nil, nil, map[string]string{"KIBANA_INSECURE": "yes"}, "kibana.insecure", "Invalid environment variable", []string{"KIBANA_INSECURE", "true or false"},
		},
		"ELASTICSEARCH_INSECURE": {
			nil, nil, map[string]string{"ELASTICSEARCH_INSECURE": "-"}, "elasticsearch.insecure", "Invalid environment variable",
			[]string{"ELASTICSEARCH_INSECURE", "true or false"},
		},
		"KIBANA_ENDPOINT": {
			attributes("endpoint", nil), nil, map[string]string{"KIBANA_ENDPOINT": "kibana.example"}, "kibana.endpoint", "Invalid endpoint", []string{"KIBANA_ENDPOINT", "begins with https://"},
		},
		"ELASTICSEARCH_ENDPOINTS": {
			nil, attributes("endpoints", nil), map[string]string{"ELASTICSEARCH_ENDPOINTS": "https://es.example,es2"}, "elasticsearch.endpoints", "Invalid endpoint",
			[]string{"ELASTICSEARCH_ENDPOINTS", "begins with https://"},
		},
		"KIBANA_SPACE_ID": {
			nil, nil, map[string]string{"KIBANA_SPACE_ID": "My Space"}, "kibana.space_id", "Invalid space", []string{"KIBANA_SPACE_ID", "lower-case"},
		},
		"ELASTIC_CLOUD_ID": {
			attributes("endpoint", nil), nil, map[string]string{"ELASTIC_CLOUD_ID": cloud("cloud.example$es$kb?")}, "cloud_id", "Invalid Cloud ID", []string{"ELASTIC_CLOUD_ID", "sent elsewhere"},
		},
		"KIBANA_CA_CERTS": {
			nil, nil, map[string]string{"KIBANA_CA_CERTS": "/nowhere/ca.pem"}, "kibana.ca_file", "Invalid TLS settings", []string{"KIBANA_CA_CERTS", "/nowhere/ca.pem"},
		},
		"ELASTICSEARCH_CA_FINGERPRINT": {
			nil, nil, map[string]string{"ELASTICSEARCH_CA_FINGERPRINT": "0a"}, "elasticsearch.ca_fingerprint", "Invalid TLS settings", []string{"64 hexadecimal digits"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			diagnostics := configure(t, blocks(test.kibana, test.elasticsearch), test.variables)
			told(t, diagnostics.Errors(), test.attribute, test.summary, test.texts...)
			if strings.Contains(diagnostics.String(), "s3cret-word") {
				t.Error("the diagnostics repeat a secret")
			}
		})
	}
}

func TestAgentKey_anAPIKeyOfTheEnvironmentIsRefusedForKibanaToo(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	key := base64.StdEncoding.EncodeToString([]byte("id:key"))
	for _, name := range []string{"KIBANA_API_KEY", "ELASTICSEARCH_API_KEY"} {
		core := w.CoreWithEnvironment(t, w.ProviderConfig(nil, nil), map[string]string{name: key})
		refused(t, core.Plan(config("checkout")).Diagnostics, "Unable to create APM agent keys with an API key", "kibana block")
	}
	if sent := w.Sent(); len(sent) > 0 {
		t.Errorf("requests were sent: %v", sent)
	}
}
