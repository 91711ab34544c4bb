package contract_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// unknownID has the form of an id and belongs to no key.
const unknownID = "AAAAAAAAAAAAAAAAAAAA"

// newUser makes a user with the role for one case.
func newUser(t *testing.T, role object) caller {
	t.Helper()
	c, err := w.makeUser(strings.ToLower(rand.Text()[:10]), role)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, kind := range []string{"user", "role"} {
			if a, err := w.send(w.admin, http.MethodDelete, "/_security/"+kind+"/"+c.username, nil); err != nil {
				t.Error(err)
			} else if a.status != http.StatusOK && a.status != http.StatusNotFound {
				t.Error(a)
			}
		}
	})
	return c
}

// newToken returns the caller with a bearer token instead of his password.
func newToken(t *testing.T, c caller) caller {
	t.Helper()
	_, encoded, _ := strings.Cut(c.authorization, " ")
	credentials, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	username, password, _ := strings.Cut(string(credentials), ":")
	a := send(t, w.admin, http.MethodPost, "/_security/oauth2/token",
		object{"grant_type": "password", "username": username, "password": password}).want(t, http.StatusOK)
	if got := a.number("expires_in"); got != 1200 {
		t.Errorf("a token lives %v s, want 1200", got)
	}
	return bearer(c.username, a.text("access_token"))
}

// send sends a request to Elasticsearch as the caller.
func send(t *testing.T, c caller, method, path string, body any) answer {
	t.Helper()
	a, err := w.send(c, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// agentKey is the body with which Kibana creates an agent key (contract A1).
func agentKey(name string, privileges ...any) object {
	return object{
		"name":             name,
		"metadata":         object{"application": "apm"},
		"role_descriptors": agentKeyRole(privileges...),
	}
}

func agentKeyRole(privileges ...any) object {
	if privileges == nil {
		privileges = list{}
	}
	return object{"apm": object{
		"cluster": list{},
		"index":   list{},
		"applications": list{
			object{"application": "apm", "privileges": privileges, "resources": list{"*"}},
		},
	}}
}

// newAgentKey creates an agent key with both privileges as Kibana does.
func newAgentKey(t *testing.T, c caller) key {
	t.Helper()
	return newKey(t, c, agentKey(uniqueName(), "event:write", "config_agent:read"))
}

// newKey creates an API key in Elasticsearch.
func newKey(t *testing.T, c caller, body object) key {
	t.Helper()
	return keyOf(send(t, c, http.MethodPost, "/_security/api_key", body).want(t, http.StatusOK), "")
}

// newRoleKey creates an API key with cluster privileges, which unlike an
// agent key can call the security API.
func newRoleKey(t *testing.T, c caller, cluster ...any) key {
	t.Helper()
	return newKey(t, c, object{"name": uniqueName(), "role_descriptors": object{"role": object{"cluster": cluster}}})
}

// keyOf reads the key at a path of a create's answer, "" or one with a dot at
// its end.
func keyOf(a answer, path string) key {
	k := key{id: a.text(path + "id"), name: a.text(path + "name"), secret: a.text(path + "api_key"), encoded: a.text(path + "encoded")}
	w.forget(k.id)
	return k
}

// newInvalidatedKey creates an agent key and ends it.
func newInvalidatedKey(t *testing.T, c caller) key {
	t.Helper()
	k := newAgentKey(t, c)
	invalidate(t, w.admin, object{"ids": list{k.id}}).want(t, http.StatusOK)
	return k
}

// newExpiredKey creates an agent key whose time is over.
func newExpiredKey(t *testing.T, c caller) key {
	t.Helper()
	body := agentKey(uniqueName(), "event:write")
	body["expiration"] = "1ms"
	return newKey(t, c, body)
}

// get reads a key by id, with further query parameters such as "owner=true".
func get(t *testing.T, c caller, id string, parameters ...string) answer {
	t.Helper()
	query := strings.Join(append([]string{"id=" + url.QueryEscape(id)}, parameters...), "&")
	return send(t, c, http.MethodGet, "/_security/api_key?"+query, nil)
}

func query(t *testing.T, c caller, body object) answer {
	t.Helper()
	return send(t, c, http.MethodPost, "/_security/_query/api_key", body)
}

func update(t *testing.T, c caller, id string, body any) answer {
	t.Helper()
	return send(t, c, http.MethodPut, "/_security/api_key/"+url.PathEscape(id), body)
}

func invalidate(t *testing.T, c caller, body any) answer {
	t.Helper()
	return send(t, c, http.MethodDelete, "/_security/api_key", body)
}

// isInvalidated asks the server whether the key was invalidated.
func isInvalidated(t *testing.T, id string) bool {
	t.Helper()
	flag, ok := get(t, w.admin, id).want(t, http.StatusOK).at("api_keys.0.invalidated").(bool)
	if !ok {
		t.Fatalf("key %s has no flag invalidated", id)
	}
	return flag
}

func authenticate(t *testing.T, c caller) answer {
	t.Helper()
	return send(t, c, http.MethodGet, "/_security/_authenticate", nil)
}

func uniqueName() string {
	return w.prefix + "-" + rand.Text()
}
