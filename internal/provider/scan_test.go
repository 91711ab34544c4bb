package provider_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// scanConfiguration has a provider for a password and one for a token; both take an API key for Elasticsearch from the
// environment. What is sensitive comes in variables that say so, as people write it.
const scanConfiguration = `
terraform {
  required_providers {
    apm = { source = "elastic/apm" }
  }
}

variable "kibana" { type = string }
variable "elasticsearch" { type = string }
variable "username" { type = string }
variable "password" {
  type      = string
  sensitive = true
}
variable "token" {
  type      = string
  sensitive = true
}
variable "broken" {
  type    = set(string)
  default = []
}

provider "apm" {
  kibana {
    endpoint = var.kibana
    username = var.username
    password = var.password
  }
  elasticsearch {
    endpoints = [var.elasticsearch]
  }
}

provider "apm" {
  alias = "token"
  kibana {
    endpoint     = var.kibana
    bearer_token = var.token
  }
  elasticsearch {
    endpoints = [var.elasticsearch]
  }
}

resource "apm_agent_key" "checkout" {
  name       = "checkout"
  privileges = ["event:write", "config_agent:read"]
  expires_in = "90d"
}

resource "apm_agent_key" "basket" {
  provider   = apm.token
  name       = "basket"
  privileges = ["event:write"]
}

resource "apm_agent_key" "broken" {
  for_each   = var.broken
  name       = each.key
  privileges = ["event:write"]
}

output "header" {
  value     = "ApiKey ${apm_agent_key.checkout.encoded}"
  sensitive = true
}
`

// scanImport is added for the import: the key exists already.
const scanImport = `
resource "apm_agent_key" "imported" {
  name       = "imported"
  privileges = ["event:write"]
}
`

// requestLine is a line of the log that the provider writes for each request.
var requestLine = regexp.MustCompile(`(?m)^.* provider\.terraform-provider-apm: Request: .*$`)

// TestAccScan_showsNoSecretAnywhere goes through the life of keys with the real terraform, everything logged, and then
// reads all that it has left behind: what it printed and logged, and the stand-in's own log. Secrets may be in the state
// and in the saved plan, and in what is printed as JSON where Terraform marks them sensitive.
func TestAccScan_showsNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	secrets := &acctest.Secrets{}
	log := &requestLog{}
	w := acctest.New(t, func(o *fakestack.Options) {
		if o.Upstream == "" {
			o.Password = awkward()
		}
		o.Log = log.add
		secrets.AddBasic("the administrator's password", o.Username, o.Password)
	})
	owner, manager := user(t, w, fakestack.AgentKeyRole()), user(t, w, cluster("manage_api_key"))
	// A password with characters that every language escapes in its own way.
	password := awkward()
	if err := w.SeedUser(t.Context(), w.Username, password, w.Username+"_role"); err != nil {
		t.Fatal(err)
	}
	token := bearer(t, w, owner)["bearer_token"].(string)
	managerKey := apiKey(t, w, manager, "manage_api_key")
	wrong := awkward()
	secrets.AddBasic("the password", w.Username, password)
	secrets.AddBasic("the wrong password", w.Username, wrong)
	secrets.AddBasic("the token's owner's password", owner["username"].(string), owner["password"].(string))
	secrets.AddBasic("the API key's owner's password", manager["username"].(string), manager["password"].(string))
	secrets.Add("the token", token)
	secrets.AddKey("the API key", managerKey.Encoded)
	broken := noteAndBreak(t, w, secrets)

	c := newCLI(t, scanConfiguration, map[string]string{
		"TF_LOG": "TRACE", "ELASTICSEARCH_API_KEY": managerKey.Encoded, "TF_VAR_kibana": w.KibanaURL(), "TF_VAR_elasticsearch": w.ElasticsearchURL(),
		"TF_VAR_username": w.Username, "TF_VAR_password": password, "TF_VAR_token": token,
	})
	c.must("plan", "plan", "-out=saved.tfplan")
	c.must("plan-shown", "show", "saved.tfplan")
	c.must("plan.show", "show", "-json", "saved.tfplan")
	c.must("apply", "apply", "saved.tfplan")
	c.must("second-plan", "plan", "-json", "-detailed-exitcode")

	imported := agentKey(t, w, password)
	secrets.AddKey("the imported key", imported.Encoded)
	c.write("imported.tf", scanImport)
	c.must("import", "import", "apm_agent_key.imported", imported.Encoded)

	if c.run("wrong-password", map[string]string{"TF_VAR_password": wrong, "ELASTICSEARCH_API_KEY": ""}, "plan") == 0 {
		t.Error("a plan with a wrong password succeeds")
	}
	names, err := json.Marshal(broken)
	if err != nil {
		t.Fatal(err)
	}
	if c.run("broken", map[string]string{"TF_VAR_broken": string(names)}, "apply", "-auto-approve") == 0 {
		t.Error("an apply without usable answers succeeds")
	}
	c.must("state-shown", "show")
	c.must("state.show", "show", "-json")
	c.must("destroy", "destroy", "-auto-approve")
	c.write("requests.log", log.String())

	for _, name := range append(broken, "401") {
		if !strings.Contains(c.read("broken.err")+c.read("wrong-password.err"), name) {
			t.Errorf("there was no failure %q", name)
		}
	}
	if requests := c.read("requests.log"); !strings.Contains(requests, "Kibana POST "+createRoute) || !strings.Contains(requests, "broken by 500") {
		t.Error("the stand-in's log is not there")
	}
	if secrets.In(c.read("plan.show.out")) == nil || secrets.In(c.read("state.show.out")) == nil || secrets.In(c.read("terraform.tfstate.backup")) == nil {
		t.Error("the scan finds no secret where there are some")
	}
	found, err := leaks(c.dir, secrets, func(file, content string) string { return withoutImportID(file, content, imported.Encoded) })
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range found {
		t.Error(leak)
	}
	for _, name := range []string{"apply", "second-plan", "destroy"} {
		checkRequestLines(t, name, c.read(name+".log"))
	}
}

// withoutImportID takes out what Terraform itself prints and logs of the import id, whatever the provider: its command
// line, the name of the import in its graph, and a line on the terminal. What the provider logs stays in.
func withoutImportID(file, content, id string) string {
	if file != "import.log" {
		if file == "import.out" {
			content = strings.Replace(content, fmt.Sprintf("Importing from ID %q...", id), "", 1)
		}
		return content
	}
	const address = "apm_agent_key.imported"
	quoted := strconv.Quote(id)
	own := strings.NewReplacer(
		`"import", "`+address+`", `+quoted, "",
		address+" (import id "+quoted+")", "",
		address+` (import id \"`+id+`\")`, "",
		"graphNodeImportState: import "+address+" "+quoted+" produced", "",
	)
	var left strings.Builder
	for line := range strings.Lines(content) {
		if !strings.Contains(line, " provider.terraform-provider-apm") {
			line = own.Replace(line)
		}
		left.WriteString(line)
	}
	return left.String()
}

// checkRequestLines makes sure that the log is of use: it says of every request what was asked, how it went, and about
// which key, where there is one.
func checkRequestLines(t *testing.T, name, log string) {
	t.Helper()
	lines := requestLine.FindAllString(log, -1)
	if len(lines) == 0 {
		t.Errorf("%s: no request is in the log", name)
	}
	for _, line := range lines {
		wanted := []string{"product", "method", "host", "path", "status", "duration_ms", "attempt", "tf_rpc"}
		if strings.Contains(line, "tf_rpc=ReadResource") || strings.Contains(line, "tf_rpc=ApplyResourceChange") && !strings.Contains(line, "path="+createRoute) {
			wanted = append(wanted, "key_id")
		}
		for _, field := range wanted {
			if !strings.Contains(line, " "+field+"=") {
				t.Errorf("%s: a request is logged without its %s: %s", name, field, line)
			}
		}
	}
}

// noteAndBreak makes the secret of every new key known, and breaks the answers to those keys that are named like a failure.
// It returns these names.
func noteAndBreak(t *testing.T, w *acctest.World, secrets *acctest.Secrets) (names []string) {
	t.Helper()
	// What an answer may show of the request.
	echo := func(status int) func(x *fakestack.Exchange) {
		return func(x *fakestack.Exchange) {
			body, _ := json.Marshal(map[string]any{"statusCode": status, "message": x.Request.Header.Get("Authorization")})
			x.Writer.Header().Set("Location", "http://elsewhere.invalid/?"+x.Request.Header.Get("Authorization"))
			x.Writer.WriteHeader(status)
			_, _ = x.Writer.Write(body)
		}
	}
	failures := map[string]func(x *fakestack.Exchange){
		"broken by 307": echo(307), "broken by 403": echo(403), "broken by 500": echo(500),
		"broken by truncation": fakestack.TruncateBody().Break,
		"broken by no id":      fakestack.RewriteBody(func(body map[string]any) { delete(body["agentKey"].(map[string]any), "id") }).Break,
		"broken by no JSON": func(x *fakestack.Exchange) {
			_, _ = x.Writer.Write(append([]byte("<html>"), x.Answer.Body...))
		},
	}
	for name := range failures {
		names = append(names, name)
	}
	inject(t, w.Stack.Kibana, fakestack.Fault{AfterServer: true, Match: fakestack.To("POST", createRoute), Break: func(x *fakestack.Exchange) {
		var body struct {
			AgentKey struct {
				Name    string `json:"name"`
				Encoded string `json:"encoded"`
			} `json:"agentKey"`
		}
		if err := json.Unmarshal(x.Answer.Body, &body); err != nil {
			t.Errorf("the test cannot read Kibana's answer: %s", err)
		}
		secrets.AddKey("key "+body.AgentKey.Name, body.AgentKey.Encoded)
		if failure := failures[body.AgentKey.Name]; failure != nil {
			failure(x)
			return
		}
		fakestack.RewriteBody(func(map[string]any) {}).Break(x)
	}})
	return names
}

// agentKey creates an agent key of the world's user past the provider.
func agentKey(t *testing.T, w *acctest.World, password string) fakestack.APIKey {
	t.Helper()
	key, err := w.CreateAPIKey(t.Context(), fakestack.Credentials{Username: w.Username, Password: password}, map[string]any{
		"name": "imported", "metadata": map[string]any{"application": "apm"},
		"role_descriptors": map[string]any{"apm": map[string]any{"applications": []map[string]any{
			{"application": "apm", "privileges": []string{"event:write"}, "resources": []string{"*"}},
		}}},
	})
	if err != nil {
		t.Fatalf("creating an agent key: %s", err)
	}
	return key
}

// awkward returns a password with characters that JSON, URLs and shells escape.
func awkward() string { return rand.Text()[:13] + `"<ü&/+%$\>` + rand.Text()[:13] }

// requestLog is the stand-in's own log, as it is told.
type requestLog struct {
	mu   sync.Mutex
	text strings.Builder
}

// String returns everything that is known of each request, a line each.
func (l *requestLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *requestLog) add(product string, r fakestack.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, "%s %s %s %v %s %s %v %d %s %s\n", product, r.Method, r.Path, r.Query, r.Scheme, r.Username, r.Header, r.Status, r.Fault, r.Body)
}
