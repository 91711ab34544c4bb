package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

const unableToCreate = "Unable to create APM agent key"

// roleWithout returns the least-privilege role without some of it.
func roleWithout(cluster, application string, privileges ...string) fakestack.Role {
	role := fakestack.AgentKeyRole()
	var kept []string
	for _, privilege := range role.Cluster {
		if privilege != cluster {
			kept = append(kept, privilege)
		}
	}
	role.Cluster = kept
	for i := range role.Applications {
		if role.Applications[i].Application == application {
			role.Applications[i].Privileges = privileges
		}
	}
	return role
}

func TestAccError_namesTheMissingPrivileges(t *testing.T) {
	t.Parallel()
	read := []string{"feature_apm.read"}
	for what, test := range map[string]struct {
		role    fakestack.Role
		version string // of Kibana; empty for the newest
		texts   []string
		never   []string
	}{
		"of the application": {
			roleWithout("", "apm", "event:write"), "",
			[]string{"HTTP 403", `on the application "apm", resources "*", the privileges config_agent:read.`, "lacks Elasticsearch privileges"},
			[]string{"Kibana feature", "cluster privileges"},
		},
		"of the cluster": {
			roleWithout("manage_own_api_key", ""), "",
			[]string{"HTTP 403", "the cluster privileges manage_own_api_key.", "lacks Elasticsearch privileges"}, []string{"Kibana feature", `on the application "apm", resources`},
		},
		"of both": {
			fakestack.Role{Applications: fakestack.AgentKeyRole().Applications[:1]}, "",
			[]string{"HTTP 403", "the privileges config_agent:read, event:write; and the cluster privileges manage_own_api_key."}, []string{"Kibana feature"},
		},
		"of the feature in Kibana": {
			roleWithout("", "kibana-.kibana", read...), "",
			[]string{"HTTP 403", "apm_settings_write", "lacks a Kibana privilege", "feature_apm.all", "space_id"}, []string{"Elasticsearch privileges"},
		},
		"of the feature in an older Kibana": {
			roleWithout("", "kibana-.kibana", read...), "8.14.1",
			[]string{"HTTP 403", "lacks a Kibana privilege", "feature_apm.all", "space_id"}, []string{"Elasticsearch privileges"},
		},
		"of the application in a Kibana that answers 500": {
			roleWithout("", "apm", "event:write"), "8.9.2",
			[]string{"HTTP 500", "config_agent:read", `on the application "apm", resources "*", the privileges config_agent:read.`}, []string{"Kibana feature", "may or may not"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t, func(o *fakestack.Options) { o.KibanaVersion = test.version })
			caller := user(t, w, test.role)
			core := w.Core(t, w.ProviderConfig(caller, nil))
			diagnostics := core.Run(config("checkout"))
			refused(t, diagnostics, unableToCreate, append(test.texts, "checkout", w.KibanaURL()+createRoute)...)
			for _, text := range test.never {
				if strings.Contains(diagnostics.String(), text) {
					t.Errorf("%q is misleading in:\n%s", text, diagnostics)
				}
			}
			askedOnce(t, w)
			if keys := w.KeysOf(t, caller["username"].(string)); core.State() != nil || len(keys) > 0 {
				t.Errorf("%d keys were created, and a state: %t", len(keys), core.State() != nil)
			}
		})
	}
}

func TestAccError_saysWhichCredentialsAreWrong(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	wrong := with(w.BasicAuth(), "password", "wr0ng-password")

	core := w.Core(t, w.ProviderConfig(wrong, w.BasicAuth()))
	diagnostics := core.Run(config("checkout"))
	refused(t, diagnostics, unableToCreate, "HTTP 401", "unable to authenticate user ["+w.Username+"]", "Check the credentials in the kibana block", "password")
	if strings.Contains(diagnostics.String(), "wr0ng-password") {
		t.Error("the diagnostics repeat the password")
	}

	core = w.Core(t, nil)
	id := create(t, core, config("checkout"))
	core.SetProvider(w.ProviderConfig(w.BasicAuth(), wrong))
	refused(t, core.Refresh(), "Unable to read APM agent key", "checkout", "HTTP 401", "Check the credentials in the elasticsearch block")
	core.SetProvider(w.ProviderConfig(w.BasicAuth(), attributes("bearer_token", "expired")))
	refused(t, core.Destroy(), "Unable to read APM agent key", "HTTP 401", "whether it has expired or been revoked")
	key := apiKey(t, w, w.BasicAuth(), "manage_own_api_key")
	revoke(t, w, key.ID)
	core.SetProvider(w.ProviderConfig(w.BasicAuth(), attributes("api_key", key.Encoded)))
	refused(t, core.Refresh(), "Unable to read APM agent key", "HTTP 401", "has been invalidated", "elasticsearch block")
	onlyAlive(t, w, id)
}

func TestAccError_recognisesAnAddressOfAnotherProduct(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	provider := w.ProviderConfig(w.BasicAuth(), nil)
	provider["kibana"] = with(w.BasicAuth(), "endpoint", w.ElasticsearchURL())
	core := w.Core(t, provider)
	refused(t, core.Run(config("checkout")), unableToCreate, w.ElasticsearchURL(), "this is Elasticsearch, not Kibana", "Check endpoint in the kibana block")

	core = w.Core(t, nil)
	id := create(t, core, config("checkout"))
	provider = w.ProviderConfig(w.BasicAuth(), nil)
	provider["elasticsearch"] = attributes("endpoints", []string{w.KibanaURL()})
	core.SetProvider(provider)
	refused(t, core.Refresh(), "Unable to read APM agent key", w.KibanaURL(), "this is Kibana, not Elasticsearch", "Check endpoints in the elasticsearch block")
	if idOf(t, core) != id {
		t.Error("the key has left the state")
	}
	onlyAlive(t, w, id)
}

// page is what answers for a product that is not there.
func page(status int) fakestack.Fault {
	return fakestack.Respond(status, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<html><body>Sign in</body></html>")
}

func TestAccError_recognisesWhatAnswersInAProductsPlace(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		fault                 fakestack.Fault
		kibana, elasticsearch []string
	}{
		"a page not found": {
			page(404), []string{"HTTP 404", "not an answer of Kibana", "text/html", "Check endpoint in the kibana block", "proxy"},
			[]string{"HTTP 404", "not an answer of Elasticsearch", "text/html", "Check endpoints in the elasticsearch block"},
		},
		"a page for the forbidden": {
			page(403), []string{"HTTP 403", "not an answer of Kibana", "Check endpoint in the kibana block"},
			[]string{"HTTP 403", "not an answer of Elasticsearch", "Check endpoints in the elasticsearch block"},
		},
		"a redirection to a login": {
			fakestack.RedirectTo("https://login.example/sso?token=s3cret-word"),
			[]string{"HTTP 307", "redirected to https://login.example/sso;", "Check endpoint in the kibana block"},
			[]string{"HTTP 307", "redirected to https://login.example/sso;", "Check endpoints in the elasticsearch block"},
		},
		"another Kibana's base path": {
			fakestack.Respond(404, http.Header{"Content-Type": {"application/json"}}, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`),
			[]string{"HTTP 404", "base path", "space_id", "8.0 or newer"}, []string{"this is Kibana"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			remove := inject(t, w.Stack.Kibana, test.fault)
			diagnostics := core.Run(config("checkout"))
			refused(t, diagnostics, unableToCreate, append(test.kibana, w.KibanaURL())...)
			askedOnce(t, w)
			onlyAlive(t, w)
			remove()

			id := create(t, core, config("checkout"))
			inject(t, w.Stack.Elasticsearch, test.fault)
			unread := core.Refresh()
			refused(t, unread, "Unable to read APM agent key", append(test.elasticsearch, w.ElasticsearchURL())...)
			if strings.Contains(diagnostics.String()+unread.String(), "s3cret-word") {
				t.Error("the diagnostics repeat a secret")
			}
			onlyAlive(t, w, id)
		})
	}
}

func TestAccError_saysWhatIsMissingWhereAPMIsOffOrKibanaTooOld(t *testing.T) {
	t.Parallel()
	w := acctest.New(t, func(o *fakestack.Options) { o.KibanaVersion = "7.17.0" })
	refused(t, w.Core(t, nil).Run(config("checkout")), unableToCreate, "HTTP 404", "8.0 or newer", "APM is enabled")
}

func TestAccError_saysThatNobodyListens(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	provider := w.ProviderConfig(w.BasicAuth(), nil)
	provider["kibana"] = with(w.BasicAuth(), "endpoint", closedPort)
	core := w.Core(t, provider)
	refused(t, core.Run(config("checkout")), unableToCreate, closedPort, "unreachable", "connection refused", "Check endpoint in the kibana block", "http or https")
	if sent := w.Sent(); len(sent) > 0 {
		t.Errorf("a key that cannot exist was looked for: %v", sent)
	}

	core = w.Core(t, nil)
	id := create(t, core, config("checkout"))
	provider = w.ProviderConfig(w.BasicAuth(), nil)
	provider["elasticsearch"] = attributes("endpoints", []string{closedPort})
	core.SetProvider(provider)
	refused(t, core.Refresh(), "Unable to read APM agent key", closedPort, "connection refused", "Check endpoints in the elasticsearch block")
	onlyAlive(t, w, id)
}

func TestAccError_namesTheVariableOfAWrongAddress(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	variables := stackVariables(w)
	variables["KIBANA_ENDPOINT"] = closedPort
	core := w.CoreWithEnvironment(t, map[string]any{}, variables)
	refused(t, core.Run(config("checkout")), unableToCreate, closedPort, "Check endpoint in the kibana block, or KIBANA_ENDPOINT (host, port, and http or https)")

	core = w.CoreWithEnvironment(t, map[string]any{}, stackVariables(w))
	id := create(t, core, config("checkout"))
	core.SetProvider(map[string]any{"elasticsearch": attributes("endpoints", []string{closedPort})})
	refused(t, core.Refresh(), "Unable to read APM agent key", closedPort, "Check endpoints in the elasticsearch block, or ELASTICSEARCH_ENDPOINTS")
	onlyAlive(t, w, id)
}

// Kibana and Elasticsearch hang up on who speaks plain HTTP to their port for https; proxies answer 400.
func TestAccError_saysToWriteHTTPSWhereTheServerSpeaksIt(t *testing.T) {
	t.Parallel()
	for what, fault := range map[string]fakestack.Fault{
		"it hangs up": fakestack.CloseWithoutAnswer(),
		"it answers 400": fakestack.Respond(400, http.Header{"Content-Type": {"text/html"}},
			"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := acctest.New(t)
			core := w.Core(t, nil)
			id := create(t, core, config("checkout"))
			inject(t, w.Stack.Elasticsearch, fault)
			refused(t, core.Refresh(), "Unable to read APM agent key", "write https:// in endpoints in the elasticsearch block, or ELASTICSEARCH_ENDPOINTS")
			onlyAlive(t, w, id)

			inject(t, w.Stack.Kibana, fault)
			diagnostics := w.Core(t, nil).Run(config("basket"))
			if len(diagnostics.Errors()) != 1 {
				t.Fatalf("not one error:\n%s", diagnostics)
			}
			mention(t, diagnostics, "If the server speaks https, write https:// in endpoint in the kibana block, or KIBANA_ENDPOINT")
		})
	}
}

func TestAccError_cannotForgeTheTerminalsOutput(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	core := w.Core(t, nil)
	inject(t, w.Stack.Kibana, fakestack.Respond(400, http.Header{"Content-Type": {"application/json"}},
		`{"statusCode":400,"error":"Bad Request","message":"no\u001b[2K\rApply complete!\u202e\nResources: 1 added"}`))
	diagnostics := core.Run(config("checkout"))
	refused(t, diagnostics, unableToCreate, "HTTP 400", "Resources: 1 added")
	if strings.ContainsAny(diagnostics.String(), "\x1b\r\u202e") || strings.Contains(diagnostics.String(), "\nResources") {
		t.Errorf("control characters of the server are shown:\n%q", diagnostics)
	}
}
