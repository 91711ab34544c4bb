package contract_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

const (
	agentKeysPath = "/api/apm/agent_keys"
	apiVersion    = "2023-10-31"
)

// agentKeyRequest is the body of Kibana's route: these fields and no other.
func agentKeyRequest(name string, privileges ...any) object {
	if privileges == nil {
		privileges = list{}
	}
	return object{"name": name, "privileges": privileges}
}

// kibana sends a request to Kibana as the caller with the headers that every
// client has to send; pairs of a name and a value change them, an empty value
// leaves the header out.
func kibana(t *testing.T, c caller, method, path string, body any, headers ...string) answer {
	t.Helper()
	header := http.Header{"Kbn-Xsrf": {"true"}, "Elastic-Api-Version": {apiVersion}}
	if c.authorization != "" {
		header.Set("Authorization", c.authorization)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			header.Del(headers[i])
		} else {
			header.Set(headers[i], headers[i+1])
		}
	}
	a, err := call(method, w.kibana+path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// createInKibana asks for an agent key.
func createInKibana(t *testing.T, c caller, body any, headers ...string) answer {
	t.Helper()
	a := kibana(t, c, http.MethodPost, agentKeysPath, body, headers...)
	if id := a.text("agentKey.id"); id != "" {
		w.forget(id)
	}
	return a
}

// wantKibanaError fails the case unless the answer is Kibana's error object
// with the status, whose message contains the text.
func (a answer) wantKibanaError(t *testing.T, status int, message string) {
	t.Helper()
	a.want(t, status)
	if a.number("statusCode") != float64(status) || a.text("error") != http.StatusText(status) {
		t.Errorf("%s; want statusCode and error to tell the status", a)
	}
	if !strings.Contains(a.text("message"), message) {
		t.Errorf("%s; want a message that contains %q", a, message)
	}
}

// wantNoKey fails the case if Elasticsearch holds a key of the name.
func wantNoKey(t *testing.T, name string) {
	t.Helper()
	query(t, w.admin, object{"query": object{"term": object{"name": name}}}).wantKeys(t)
}

func TestKibana_createsAKeyOfTheCallers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]func(*testing.T) caller{
		"password": as(w.creator),
		"token":    func(t *testing.T) caller { return newToken(t, w.creator) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := uniqueName()
			a := createInKibana(t, c(t), agentKeyRequest(name, "config_agent:read", "event:write"))
			k := keyOf(a, "agentKey.")
			a.wantBody(t, http.StatusOK, object{"agentKey": object{"id": k.id, "name": name, "api_key": "(redacted)", "encoded": "(redacted)"}})
			if k.encoded != base64.StdEncoding.EncodeToString([]byte(k.id+":"+k.secret)) {
				t.Error("encoded is not the base64 of id:api_key")
			}
			if got := a.header.Get("Elastic-Api-Version"); got != apiVersion {
				t.Errorf("Elastic-Api-Version %q, want %q", got, apiVersion)
			}
			read := get(t, w.creator, k.id, "owner=true")
			read.wantBody(t, http.StatusOK, object{"api_keys": list{object{
				"id": k.id, "name": name, "type": "rest", "creation": read.at("api_keys.0.creation"), "invalidated": false,
				"username": w.creator.username, "realm": "default_native", "realm_type": "native",
				"metadata":         object{"application": "apm"},
				"role_descriptors": agentKeyDescriptor("config_agent:read", "event:write"),
			}}})
			authenticate(t, k.caller()).want(t, http.StatusOK)
		})
	}
}

func TestKibana_createsAnotherKeyEachTime(t *testing.T) {
	t.Parallel()
	body := agentKeyRequest(uniqueName(), "event:write")
	first := keyOf(createInKibana(t, w.creator, body).want(t, http.StatusOK), "agentKey.")
	second := keyOf(createInKibana(t, w.creator, body).want(t, http.StatusOK), "agentKey.")
	if first.id == second.id {
		t.Error("both keys have the same id")
	}
}

// TestKibana_createsTheSameKeyFromAnySpace: the space decides who may ask, not
// what the key is good for.
func TestKibana_createsTheSameKeyFromAnySpace(t *testing.T) {
	t.Parallel()
	a := kibana(t, w.creator, http.MethodPost, "/s/"+w.space+agentKeysPath, agentKeyRequest(uniqueName(), "event:write")).want(t, http.StatusOK)
	k := keyOf(a, "agentKey.")
	get(t, w.creator, k.id, "owner=true").wantKeys(t, k.id)
	if got := asAPMServer(t, k).at("application.apm.-.event:write"); got != true {
		t.Errorf("the key's event:write is %v, want true", got)
	}
}

// TestKibana_sendsTheTime, which Elasticsearch does not.
func TestKibana_sendsTheTime(t *testing.T) {
	t.Parallel()
	a := kibana(t, w.creator, http.MethodGet, "/api/status", nil)
	if _, err := http.ParseTime(a.header.Get("Date")); err != nil {
		t.Errorf("Date %q: %s", a.header.Get("Date"), err)
	}
}

// TestKibana_tellsItsVersionToTheAuthenticated alone (contract A4).
func TestKibana_tellsItsVersionToTheAuthenticated(t *testing.T) {
	t.Parallel()
	known := kibana(t, w.creator, http.MethodGet, "/api/status", nil).want(t, http.StatusOK)
	if known.text("version.number") == "" || known.text("version.build_flavor") == "" {
		t.Errorf("%s; want version.number and version.build_flavor", known)
	}
	unknown := kibana(t, caller{}, http.MethodGet, "/api/status", nil).want(t, http.StatusOK)
	if unknown.text("status.overall.level") == "" || unknown.at("version") != nil {
		t.Errorf("%s; want the level and no version", unknown)
	}
}
