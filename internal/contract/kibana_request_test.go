package contract_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

func TestKibana_wantsTheXSRFHeader(t *testing.T) {
	t.Parallel()
	name := uniqueName()
	createInKibana(t, w.creator, agentKeyRequest(name, "event:write"), "Kbn-Xsrf", "").
		wantKibanaError(t, http.StatusBadRequest, "Request must contain a kbn-xsrf header.")
	wantNoKey(t, name)
	// Its presence counts, not what it says.
	createInKibana(t, w.creator, agentKeyRequest(uniqueName(), "event:write"), "Kbn-Xsrf", "anything").want(t, http.StatusOK)
	// Who one is comes first.
	createInKibana(t, caller{}, agentKeyRequest(name, "event:write"), "Kbn-Xsrf", "").want(t, http.StatusUnauthorized)
}

func TestKibana_versionHeaders(t *testing.T) {
	t.Parallel()
	name := uniqueName()
	createInKibana(t, w.creator, agentKeyRequest(name, "event:write"), "Elastic-Api-Version", "2020-01-01").
		wantKibanaError(t, http.StatusBadRequest, "Available versions are: ["+apiVersion+"]")
	createInKibana(t, w.creator, agentKeyRequest(name, "event:write"), "Kbn-Version", "1.2.3").
		wantKibanaError(t, http.StatusBadRequest, "Browser client is out of date")
	wantNoKey(t, name)
	createInKibana(t, w.creator, agentKeyRequest(uniqueName(), "event:write"), "Elastic-Api-Version", "").want(t, http.StatusOK)
}

func TestKibana_refusesBodies(t *testing.T) {
	t.Parallel()
	for label, body := range map[string]func(name string) any{
		"no body":                    func(string) any { return nil },
		"no JSON":                    func(string) any { return "{" },
		"no name":                    func(string) any { return object{"privileges": list{"event:write"}} },
		"null name":                  func(string) any { return object{"name": nil, "privileges": list{"event:write"}} },
		"name that is a number":      func(string) any { return object{"name": 1, "privileges": list{"event:write"}} },
		"no privileges":              func(name string) any { return object{"name": name} },
		"null privileges":            func(name string) any { return object{"name": name, "privileges": nil} },
		"privileges that are a text": func(name string) any { return object{"name": name, "privileges": "event:write"} },
		"unknown privilege":          func(name string) any { return agentKeyRequest(name, "event:read") },
		"privilege of old":           func(name string) any { return agentKeyRequest(name, "event:write", "sourcemap:write") },
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			name := uniqueName()
			createInKibana(t, w.creator, body(name)).wantKibanaError(t, http.StatusBadRequest, "")
			wantNoKey(t, name)
		})
	}
}

// TestKibana_neverHeedsUnknownFields: some versions refuse them and the newest
// drop them; in neither does a key get what they ask for.
func TestKibana_neverHeedsUnknownFields(t *testing.T) {
	t.Parallel()
	for _, field := range []object{{"expiration": "1h"}, {"metadata": object{"x": 1}}} {
		body := agentKeyRequest(uniqueName(), "event:write")
		maps.Copy(body, field)
		a := createInKibana(t, w.creator, body)
		if a.status == http.StatusBadRequest {
			wantNoKey(t, body["name"].(string))
			continue
		}
		a.want(t, http.StatusOK)
		read := get(t, w.admin, a.text("agentKey.id")).want(t, http.StatusOK)
		if read.at("api_keys.0.expiration") != nil || read.at("api_keys.0.metadata.x") != nil {
			t.Errorf("%s; want the field dropped", read)
		}
	}
}

// TestKibana_turnsWhatElasticsearchRefusesInto500: only the text tells what it
// was (contract A1).
func TestKibana_turnsWhatElasticsearchRefusesInto500(t *testing.T) {
	t.Parallel()
	for label, test := range map[string]struct {
		name       string
		privileges list
		message    string
	}{
		"no privilege":     {uniqueName(), list{}, "illegal_argument_exception: application privileges must define at least one privilege"},
		"empty name":       {"", list{"event:write"}, "action_request_validation_exception: Validation Failed: 1: api key name is required;"},
		"underscore first": {"_x", list{"event:write"}, "api key name may not begin with an underscore"},
		"blank last":       {"x ", list{"event:write"}, "api key name may not begin or end with whitespace"},
		"257 characters":   {strings.Repeat("x", 257), list{"event:write"}, "api key name may not be more than 256 characters long"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			a := createInKibana(t, w.creator, agentKeyRequest(test.name, test.privileges...))
			a.wantKibanaError(t, http.StatusInternalServerError, test.message)
			if _, ok := a.at("attributes.data").(object); !ok {
				t.Errorf("%s; want attributes.data", a)
			}
		})
	}
}

func TestKibana_unknownPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/apm/no_such_route", "/apm" + agentKeysPath} {
		kibana(t, w.creator, http.MethodPost, path, object{}).
			wantBody(t, http.StatusNotFound, object{"statusCode": 404., "error": "Not Found", "message": "Not Found"})
	}
}
