package provider_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

func TestProvider_refusesAnAPIKeyForKibanaInThePlanBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for what, blocks := range map[string]func(key string) (kibana, elasticsearch map[string]any){
		"its own":                 func(key string) (map[string]any, map[string]any) { return attributes("api_key", key), nil },
		"that of the other block": func(key string) (map[string]any, map[string]any) { return nil, attributes("api_key", key) },
		"beside a user for Elasticsearch": func(key string) (map[string]any, map[string]any) {
			return attributes("api_key", key), attributes("username", "u", "password", "p")
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			encoded := base64.StdEncoding.EncodeToString([]byte("VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw"))
			core := w.Core(t, w.ProviderConfig(blocks(encoded)))
			silent(t, core.Configure())
			diagnostics := core.Plan(config("checkout")).Diagnostics
			refused(t, diagnostics, "Unable to create APM agent keys with an API key",
				"username and password, or bearer_token, in the kibana block", "can stay in the elasticsearch block", "essu_")
			if strings.Contains(diagnostics.String(), encoded) {
				t.Error("the diagnostics repeat the API key")
			}
			if sent := w.Sent(); len(sent) > 0 {
				t.Errorf("requests were sent: %v", sent)
			}
		})
	}
}

func TestAccAgentKey_whoseKibanaHasAnAPIKeyIsStillReadAndRevoked(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	create(t, core, config("checkout"))
	key := apiKey(t, w, superuser(t, w), "manage_api_key")
	core.SetProvider(w.ProviderConfig(nil, map[string]any{"api_key": key.Encoded}))
	planned(t, core.Plan(config("checkout")), acctest.NoOp)
	refused(t, core.Plan(config("renamed")).Diagnostics, "Unable to create APM agent keys with an API key", "kibana block")
	silent(t, core.Destroy())
	onlyAlive(t, w)
}

// TestAccProvider_explainsADerivedKeyThatCouldNotBeToldFromItsForm has something in between exchange a token for an API
// key, for which Kibana answers with a 500.
func TestAccProvider_explainsADerivedKeyThatCouldNotBeToldFromItsForm(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	key := apiKey(t, w, superuser(t, w))
	inject(t, w.Stack.Kibana, fakestack.Hook(func(r *http.Request) { r.Header.Set("Authorization", "ApiKey "+key.Encoded) }))
	core := w.Core(t, w.ProviderConfig(attributes("bearer_token", "some-token"), w.BasicAuth()))
	refused(t, core.Run(config("checkout")), "Unable to create APM agent key",
		"HTTP 500", "creating derived api keys requires", "Elasticsearch API key", "username and password, or bearer_token, in the kibana block", "essu_")
	askedOnce(t, w)
	if core.State() != nil {
		t.Error("there is a state")
	}
}

func TestAccProvider_letsACloudAPIKeyThrough(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	var got string
	inject(t, w.Stack.Kibana, fakestack.Hook(func(r *http.Request) {
		got = r.Header.Get("Authorization")
		// What a serverless Kibana does with it cannot be had here.
		r.SetBasicAuth(w.Username, w.Password)
	}))
	core := w.Core(t, w.ProviderConfig(attributes("api_key", "essu_VGhpcyBpcyBub3QgYmFzZTY0Og=="), w.BasicAuth()))
	silent(t, core.Run(config("checkout")))
	if got != "ApiKey essu_VGhpcyBpcyBub3QgYmFzZTY0Og==" {
		t.Error("the Cloud API key was not sent as it is")
	}
	onlyAlive(t, w, idOf(t, core))
}
