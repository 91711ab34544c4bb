package kibana_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

const page = "<html><head><title>Gateway</title></head></html>"

// Contract A1, the table of answers, and what stands in Kibana's place instead.
func TestCreateAgentKey_explainsTheAnswer(t *testing.T) {
	html, elasticsearch := http.Header{"Content-Type": {"text/html"}}, http.Header{"X-Elastic-Product": {"Elasticsearch"}}
	tests := map[string]struct {
		status    int
		header    http.Header
		body      string
		kind      error
		undecided bool
		reason    string // part of it
	}{
		"400 without kbn-xsrf":     {400, nil, `{"statusCode":400,"error":"Bad Request","message":"Request must contain a kbn-xsrf header."}`, apierror.ErrBadRequest, false, "kbn-xsrf header."},
		"400 for the body":         {400, nil, `{"statusCode":400,"error":"Bad Request","message":"Excess keys are not allowed: body.x","attributes":{"data":null,"_inspect":[]}}`, apierror.ErrBadRequest, false, "Excess keys"},
		"400 for the version":      {400, nil, `{"statusCode":400,"error":"Bad Request","message":"No version \"x\" available"}`, apierror.ErrBadRequest, false, `No version "x"`},
		"401 without credentials":  {401, nil, `{"statusCode":401,"error":"Unauthorized","message":"Unauthorized"}`, apierror.ErrUnauthorized, false, "Unauthorized"},
		"401 for the password":     {401, nil, `{"statusCode":401,"error":"Unauthorized","message":"[security_exception\n\tRoot causes:\n\t\tsecurity_exception: unable to authenticate user [x]]: unable"}`, apierror.ErrUnauthorized, false, "[security_exception Root causes: security_exception: unable to authenticate user [x]]: unable"},
		"403 for the feature":      {403, nil, `{"statusCode":403,"error":"Forbidden","message":"API [POST /api/apm/agent_keys] is unauthorized for user, this action is granted by the Kibana privileges [apm,apm_settings_write]"}`, apierror.ErrForbidden, false, "granted by the Kibana privileges"},
		"403 for the feature, 8.x": {403, nil, `{"statusCode":403,"error":"Forbidden","message":"Forbidden"}`, apierror.ErrForbidden, false, "Forbidden"},
		"404":                      {404, nil, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`, apierror.ErrNotFound, false, "Not Found"},
		"499":                      {499, nil, `{"statusCode":499,"error":"Unknown","message":"Client closed request"}`, apierror.ErrBadRequest, true, "Client closed request"},
		"500 for the name":         {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"action_request_validation_exception\n\tRoot causes:\n\t\taction_request_validation_exception: Validation Failed: 1: api key name may not begin with an underscore;"}`, apierror.ErrBadRequest, false, "underscore"},
		"500 for no privileges":    {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"x_content_parse_exception\n\tCaused by:\n\t\tillegal_argument_exception: application privileges must define at least one privilege"}`, apierror.ErrBadRequest, false, "at least one privilege"},
		"500 for an API key":       {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"illegal_argument_exception\n\tRoot causes:\n\t\tillegal_argument_exception: creating derived api keys requires an explicit role descriptor that is empty (has no privileges)"}`, apierror.ErrDerivedKey, false, "creating derived api keys"},
		"500 for a Cloud API key":  {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"illegal_argument_exception: creating elasticsearch api keys using cloud api keys is not supported"}`, apierror.ErrDerivedKey, false, "cloud api keys"},
		"500 for privileges, 8.9":  {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"terraform is missing the following requested privilege(s): event:write. You might try with the superuser"}`, apierror.ErrForbidden, false, "event:write"},
		"500 for privileges":       {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"security_exception\n\tRoot causes:\n\t\tsecurity_exception: action [cluster:admin/xpack/security/api_key/create] is unauthorized for user [x]"}`, apierror.ErrForbidden, false, "is unauthorized"},
		"500 for another reason":   {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"Request timed out"}`, apierror.ErrServer, true, "Request timed out"},
		"500 for a lost node":      {500, nil, `{"statusCode":500,"error":"Internal Server Error","message":"unavailable_shards_exception: primary shard is not active"}`, apierror.ErrServer, true, "shard"},
		"500 without words":        {500, nil, ``, apierror.ErrServer, true, "not an answer of Kibana"},
		"503 while it starts":      {503, http.Header{"Retry-After": {"30"}}, "Kibana server is not ready yet", apierror.ErrNotReady, false, "not ready yet"},
		"503":                      {503, nil, `{"statusCode":503,"error":"Service Unavailable","message":"License is not available."}`, apierror.ErrUnavailable, true, "License"},
		"429":                      {429, nil, `{"statusCode":429,"error":"Too Many Requests","message":"slow down"}`, apierror.ErrRateLimited, false, "slow down"},

		"a proxy's 401":    {401, html, page, apierror.ErrWrongProduct, false, "not an answer of Kibana (its content type is text/html)"},
		"a proxy's 404":    {404, html, page, apierror.ErrWrongProduct, false, "not an answer of Kibana"},
		"a proxy's 408":    {408, html, page, apierror.ErrTimeout, true, "not an answer of Kibana"},
		"a proxy's 413":    {413, html, page, apierror.ErrWrongProduct, false, "not an answer of Kibana"},
		"a proxy's 429":    {429, html, page, apierror.ErrRateLimited, false, "not an answer of Kibana"},
		"a proxy's 502":    {502, html, page, apierror.ErrUnavailable, true, "not an answer of Kibana"},
		"a proxy's 503":    {503, html, page, apierror.ErrUnavailable, true, "not an answer of Kibana"},
		"a proxy's 504":    {504, html, page, apierror.ErrUnavailable, true, "not an answer of Kibana"},
		"a gateway's 504":  {504, nil, `{"timestamp":1,"status":504,"error":"Gateway Timeout","path":"/api/apm/agent_keys"}`, apierror.ErrUnavailable, true, "not an answer of Kibana"},
		"a gateway's 429":  {429, nil, `{"status":429,"error":"Too Many Requests"}`, apierror.ErrRateLimited, false, "not an answer of Kibana"},
		"Elastic Cloud's":  {404, nil, `{"ok":false,"message":"Unknown resource."}`, apierror.ErrNotFound, false, "Unknown resource."},
		"another document": {404, nil, `{"detail":"nothing here"}`, apierror.ErrWrongProduct, false, "not an answer of Kibana"},

		"Elasticsearch's 400":           {400, nil, `{"error":"no handler found for uri [/api/apm/agent_keys] and method [POST]","status":400}`, apierror.ErrWrongProduct, false, "this is Elasticsearch"},
		"Elasticsearch's 401":           {401, nil, `{"error":{"root_cause":[],"type":"security_exception","reason":"missing authentication credentials"},"status":401}`, apierror.ErrWrongProduct, false, "this is Elasticsearch"},
		"Elasticsearch's 405 by header": {405, elasticsearch, ``, apierror.ErrWrongProduct, false, "this is Elasticsearch"},
		"Elasticsearch's 503 by header": {503, elasticsearch, `{"error":{},"status":503}`, apierror.ErrWrongProduct, false, "this is Elasticsearch"},
		"words that forge the output":   {400, nil, `{"statusCode":400,"message":"\u001b[2J\u202eevil"}`, apierror.ErrBadRequest, false, "\ufffd[2J\ufffdevil"},
		"words that repeat a new key": {
			500, nil, `{"statusCode":500,"message":"unexpected: {\"id\":\"a\",\"api_key\":\"s3cr3t\"}"}`, apierror.ErrServer, true, "the message is withheld",
		},
		"words that repeat the password": {
			400, nil, `{"statusCode":400,"message":"bad ` + password + ` given"}`, apierror.ErrBadRequest, false, "bad [redacted] given",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, test.status, test.header, test.body).CreateAgentKey(t.Context(), spec)
			failure := transporttest.FailureOf(t, err, test.kind)
			if failure.Undecided != test.undecided || failure.Undelivered || failure.Status != test.status {
				t.Errorf("undecided %t, want %t; undelivered %t; status %d", failure.Undecided, test.undecided, failure.Undelivered, failure.Status)
			}
			if !strings.Contains(failure.Reason, test.reason) {
				t.Errorf("the reason %q does not say %q", failure.Reason, test.reason)
			}
			if strings.Contains(failure.Reason, "<") {
				t.Errorf("the reason shows the page: %q", failure.Reason)
			}
			if failure.MissingPrivileges != nil || failure.MissingClusterPrivileges != nil {
				t.Error("privileges are named that the answer does not name")
			}
		})
	}
}

// Trap 16: what Elasticsearch privileges are missing stands beside the message.
func TestCreateAgentKey_namesMissingPrivileges(t *testing.T) {
	body := `{"statusCode":403,"error":"Forbidden","message":"x is missing the following requested privilege(s): event:write",` +
		`"attributes":{"_inspect":[],"data":{"missingPrivileges":["config_agent:read","event:write\u001b[2J"],"missingClusterPrivileges":["manage_own_api_key"]}}}`
	_, err := answering(t, 403, nil, body).CreateAgentKey(t.Context(), spec)
	failure := transporttest.FailureOf(t, err, apierror.ErrForbidden)
	if diff := cmp.Diff([]string{"config_agent:read", "event:write\ufffd[2J"}, failure.MissingPrivileges); diff != "" {
		t.Errorf("missing privileges (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"manage_own_api_key"}, failure.MissingClusterPrivileges); diff != "" {
		t.Errorf("missing cluster privileges (-want +got):\n%s", diff)
	}
}

func TestCreateAgentKey_explainsWhatTheStandInRefuses(t *testing.T) {
	grant := func(application string, privileges ...string) fakestack.ApplicationPrivileges {
		return fakestack.ApplicationPrivileges{Application: application, Privileges: privileges, Resources: []string{"*"}}
	}
	feature, one, both := grant("kibana-.kibana", "feature_apm.all"), grant("apm", "event:write"), grant("apm", "event:write", "config_agent:read")
	role := func(cluster []string, grants ...fakestack.ApplicationPrivileges) fakestack.Role {
		return fakestack.Role{Cluster: cluster, Applications: grants}
	}
	own := []string{"manage_own_api_key"}
	tests := map[string]struct {
		version string
		role    fakestack.Role
		missing []string
		cluster []string
	}{
		"nothing":            {"", fakestack.Role{}, nil, nil},
		"no feature":         {"", role(own, both), nil, nil},
		"one privilege":      {"", role(own, feature, one), []string{"config_agent:read"}, nil},
		"no cluster":         {"", role(nil, feature, both), nil, own},
		"feature alone":      {"", role(nil, feature), agentkey.Privileges(), own},
		"one privilege, 8.9": {"8.9.0", role(own, feature, one), []string{"config_agent:read"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := newStack(t, fakestack.Options{KibanaVersion: test.version})
			if err := stack.SeedRole(t.Context(), "limited", test.role); err != nil {
				t.Fatal(err)
			}
			if err := stack.SeedUser(t.Context(), "limited", password, "limited"); err != nil {
				t.Fatal(err)
			}
			_, err := newClient(t, stack.KibanaURL(), "", credential.NewBasic("limited", secret.New(password))).CreateAgentKey(t.Context(), spec)
			failure := transporttest.FailureOf(t, err, apierror.ErrForbidden)
			slices.Sort(failure.MissingPrivileges)
			if failure.Undecided || !slices.Equal(failure.MissingPrivileges, test.missing) || !slices.Equal(failure.MissingClusterPrivileges, test.cluster) {
				t.Errorf("undecided %t, missing %v and %v, want %v and %v", failure.Undecided,
					failure.MissingPrivileges, failure.MissingClusterPrivileges, test.missing, test.cluster)
			}
			mustHold(t, stack, 0)
			if requests := stack.Kibana.Requests(); len(requests) != 1 {
				t.Errorf("%d requests were sent, want 1", len(requests))
			}
		})
	}
}

// Contract A5, the derived-key rule: even a superuser's API key cannot.
func TestCreateAgentKey_explainsThatAnAPIKeyCannot(t *testing.T) {
	stack := newStack(t, fakestack.Options{Username: "elastic", Password: "changeme"})
	key, err := stack.CreateAPIKey(t.Context(), fakestack.Credentials{Username: "elastic", Password: "changeme"}, map[string]any{"name": "all"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = newClient(t, stack.KibanaURL(), "", credential.NewAPIKey(secret.New(key.Encoded))).CreateAgentKey(t.Context(), spec)
	if failure := transporttest.FailureOf(t, err, apierror.ErrDerivedKey); failure.Undecided {
		t.Error("undecided, although Elasticsearch refused")
	}
	mustHold(t, stack, 0)
}

func TestCreateAgentKey_recognisesElasticsearchAtKibanasAddress(t *testing.T) {
	stack := newStack(t, fakestack.Options{})
	for name, c := range map[string]credential.Credential{"right password": basic(), "wrong password": credential.NewBasic(username, secret.New("wrong"))} {
		_, err := newClient(t, stack.ElasticsearchURL(), "", c).CreateAgentKey(t.Context(), spec)
		if failure := transporttest.FailureOf(t, err, apierror.ErrWrongProduct); failure.Undecided {
			t.Errorf("%s: undecided", name)
		}
	}
}

func TestCreateAgentKey_explainsAWrongPasswordAndAMissingSpace(t *testing.T) {
	stack := newStack(t, fakestack.Options{})
	_, err := newClient(t, stack.KibanaURL(), "", credential.NewBasic(username, secret.New("wrong"))).CreateAgentKey(t.Context(), spec)
	mustFail(t, err, apierror.ErrUnauthorized)
	_, err = newClient(t, stack.KibanaURL(), "missing", basic()).CreateAgentKey(t.Context(), spec)
	mustFail(t, err, apierror.ErrNotFound)
	mustHold(t, stack, 0)
}
