package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// grant is an entry of a role's applications.
func grant(application, resource string, privileges ...any) object {
	return object{"application": application, "privileges": privileges, "resources": list{resource}}
}

// TestKibana_refusesACallerWithoutItsOwnPrivilege: the feature is asked for in
// the space of the address, and the refusal names no missing privileges of
// Elasticsearch's (contract, trap 16).
func TestKibana_refusesACallerWithoutItsOwnPrivilege(t *testing.T) {
	t.Parallel()
	apm := grant("apm", "*", "event:write", "config_agent:read")
	for _, test := range []struct {
		name    string
		feature list // Of Kibana's application.
		missing string
	}{
		{"none", nil, "[apm,apm_settings_write]"},
		{"read", list{grant("kibana-.kibana", "*", "feature_apm.read")}, "[apm_settings_write]"},
		{"all but the settings", list{grant("kibana-.kibana", "*", "feature_apm.minimal_all")}, "[apm_settings_write]"},
		{"in another space", list{grant("kibana-.kibana", "space:"+w.space, "feature_apm.all")}, "[apm,apm_settings_write]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			user := newUser(t, object{"cluster": list{"manage_own_api_key"}, "applications": append(list{apm}, test.feature...)})
			name := uniqueName()
			a := createInKibana(t, user, agentKeyRequest(name, "event:write"))
			a.want(t, http.StatusForbidden)
			// Before 9.0 the message is a bare "Forbidden".
			if message := a.text("message"); message != "Forbidden" && !strings.HasSuffix(message, "is unauthorized for user, this action is granted by the Kibana privileges "+test.missing) {
				t.Errorf("%s; want the missing Kibana privileges %s", a, test.missing)
			}
			if a.at("attributes.data.missingPrivileges") != nil {
				t.Errorf("%s; want no missing privileges of Elasticsearch's", a)
			}
			wantNoKey(t, name)
		})
	}
}

func TestKibana_takesTheFeatureInTheSpaceOfTheAddress(t *testing.T) {
	t.Parallel()
	user := newUser(t, object{"cluster": list{"manage_own_api_key"}, "applications": list{
		grant("apm", "*", "event:write"), grant("kibana-.kibana", "space:"+w.space, "feature_apm.all"),
	}})
	a := kibana(t, user, http.MethodPost, "/s/"+w.space+agentKeysPath, agentKeyRequest(uniqueName(), "event:write")).want(t, http.StatusOK)
	keyOf(a, "agentKey.")
}

// TestKibana_takesTheFeatureInParts: what feature_apm.all includes can be
// granted one by one (contract A1).
func TestKibana_takesTheFeatureInParts(t *testing.T) {
	t.Parallel()
	user := newUser(t, object{"cluster": list{"manage_own_api_key"}, "applications": list{
		grant("apm", "*", "event:write"), grant("kibana-.kibana", "*", "feature_apm.minimal_all", "feature_apm.settings_save"),
	}})
	createInKibana(t, user, agentKeyRequest(uniqueName(), "event:write")).want(t, http.StatusOK)
}

// TestKibana_namesTheMissingPrivilegesOfElasticsearch: the other of the two
// kinds of 403.
func TestKibana_namesTheMissingPrivilegesOfElasticsearch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                    string
		cluster                 list
		resource                string
		granted                 list
		missing, missingCluster list
	}{
		{"one privilege", list{"manage_own_api_key"}, "*", list{"event:write"}, list{"config_agent:read"}, list{}},
		{
			"both, for a narrower resource", list{"manage_own_api_key"}, "service-a", list{"event:write", "config_agent:read"},
			list{"config_agent:read", "event:write"}, list{},
		},
		{"the cluster's", list{}, "*", list{"event:write", "config_agent:read"}, list{}, list{"manage_own_api_key"}},
		{"all", list{}, "*", list{"sourcemap:write"}, list{"config_agent:read", "event:write"}, list{"manage_own_api_key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			user := newUser(t, object{"cluster": test.cluster, "applications": list{
				grant("kibana-.kibana", "*", "feature_apm.all"), grant("apm", test.resource, test.granted...),
			}})
			name := uniqueName()
			a := createInKibana(t, user, agentKeyRequest(name, "event:write", "config_agent:read"))
			a.wantKibanaError(t, http.StatusForbidden, user.username+" is missing the following requested privilege(s): ")
			want := object{"missingPrivileges": test.missing, "missingClusterPrivileges": test.missingCluster}
			sorted := cmpopts.SortSlices(func(a, b any) bool { return a.(string) < b.(string) })
			if diff := cmp.Diff(any(want), a.at("attributes.data"), sorted); diff != "" {
				t.Errorf("attributes.data (-want +got):\n%s", diff)
			}
			wantNoKey(t, name)
		})
	}
}

// TestKibana_asksOnlyForThePrivilegesOfTheKey: one who lacks the other may
// still create a key.
func TestKibana_asksOnlyForThePrivilegesOfTheKey(t *testing.T) {
	t.Parallel()
	user := newUser(t, object{"cluster": list{"manage_own_api_key"}, "applications": list{
		grant("kibana-.kibana", "*", "feature_apm.all"), grant("apm", "*", "event:write"),
	}})
	createInKibana(t, user, agentKeyRequest(uniqueName(), "event:write")).want(t, http.StatusOK)
}

func TestKibana_refusesCredentials(t *testing.T) {
	t.Parallel()
	for label, c := range map[string]func(*testing.T) caller{
		"none":            as(caller{}),
		"wrong password":  func(t *testing.T) caller { return basic(newUser(t, creatorRole).username, "wrong-password") },
		"unknown token":   as(bearer("", "abc")),
		"no API key":      as(key{encoded: "!!!!"}.caller()),
		"invalidated key": func(t *testing.T) caller { return newInvalidatedKey(t, w.creator).caller() },
		"deleted creator's": func(t *testing.T) caller {
			user := newUser(t, creatorRole)
			send(t, w.admin, http.MethodDelete, "/_security/user/"+user.username, nil).want(t, http.StatusOK)
			return user
		},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			name := uniqueName()
			createInKibana(t, c(t), agentKeyRequest(name, "event:write")).wantKibanaError(t, http.StatusUnauthorized, "")
			wantNoKey(t, name)
		})
	}
}

// TestKibana_derivedKeyRule: an API key that may do everything gets
// Elasticsearch's refusal as a 500, one that lacks something the 403 before it
// (contract A5).
func TestKibana_derivedKeyRule(t *testing.T) {
	t.Parallel()
	t.Run("superuser's key", func(t *testing.T) {
		t.Parallel()
		k := newKey(t, w.admin, object{"name": uniqueName()})
		name := uniqueName()
		createInKibana(t, k.caller(), agentKeyRequest(name, "event:write")).
			wantKibanaError(t, http.StatusInternalServerError, "creating derived api keys requires an explicit role descriptor that is empty (has no privileges)")
		wantNoKey(t, name)
	})
	t.Run("creator's key of all his rights", func(t *testing.T) {
		t.Parallel()
		k := newKey(t, w.creator, object{"name": uniqueName()})
		name := uniqueName()
		createInKibana(t, k.caller(), agentKeyRequest(name, "event:write")).
			wantKibanaError(t, http.StatusInternalServerError, "creating derived api keys requires")
		wantNoKey(t, name)
	})
	t.Run("an agent key", func(t *testing.T) {
		t.Parallel()
		name := uniqueName()
		createInKibana(t, newAgentKey(t, w.creator).caller(), agentKeyRequest(name, "event:write")).want(t, http.StatusForbidden)
		wantNoKey(t, name)
	})
}
