package contract_test

import (
	"maps"
	"net/http"
	"testing"
)

const privilegesPath = "/_security/user/_has_privileges"

// identity is the body of _authenticate for a native user of the world's, but
// for what is given.
func identity(c caller, differences object) object {
	body := object{
		"username": c.username, "roles": list{c.username}, "full_name": nil, "email": nil, "metadata": object{}, "enabled": true,
		"authentication_realm": object{"name": "default_native", "type": "native"},
		"lookup_realm":         object{"name": "default_native", "type": "native"},
		"authentication_type":  "realm",
	}
	maps.Copy(body, differences)
	return body
}

func TestIdentity_ofAUser(t *testing.T) {
	t.Parallel()
	for _, c := range []caller{w.creator, w.nobody} {
		authenticate(t, c).wantBody(t, http.StatusOK, identity(c, nil))
	}
}

// TestIdentity_ofAToken: the user's own but for the type.
func TestIdentity_ofAToken(t *testing.T) {
	t.Parallel()
	authenticate(t, newToken(t, w.creator)).wantBody(t, http.StatusOK, identity(w.creator, object{"authentication_type": "token"}))
}

func TestIdentity_ofAnAPIKey(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	realm := object{"name": "_es_api_key", "type": "_es_api_key"}
	about := object{"id": k.id, "name": k.name}
	if w.version.atLeast(9, 1) {
		about["managed_by"] = "elasticsearch"
	}
	authenticate(t, k.caller()).wantBody(t, http.StatusOK, identity(w.creator, object{
		"roles": list{}, "authentication_realm": realm, "lookup_realm": realm, "authentication_type": "api_key", "api_key": about,
	}))
}

// TestIdentity_ofOneWhoActsAsAnother: the lookup realm is the one of the user
// whose keys are "own" then.
func TestIdentity_ofOneWhoActsAsAnother(t *testing.T) {
	t.Parallel()
	a := authenticate(t, caller{authorization: w.admin.authorization, runAs: w.creator.username}).want(t, http.StatusOK)
	own := authenticate(t, w.admin).want(t, http.StatusOK)
	a.wantBody(t, http.StatusOK, identity(w.creator, object{"authentication_realm": own.at("authentication_realm")}))

	const refusal = "is unauthorized to run as ["
	authenticate(t, caller{authorization: w.creator.authorization, runAs: w.other.username}).
		wantError(t, http.StatusForbidden, "security_exception", "["+w.creator.username+"] "+refusal+w.other.username+"]")
	authenticate(t, caller{authorization: w.admin.authorization, runAs: "unknown-user"}).
		wantError(t, http.StatusForbidden, "security_exception", refusal+"unknown-user]")
}

// hasPrivileges asks as Kibana does before it creates an agent key, for the
// application's part.
func hasPrivileges(t *testing.T, c caller, privileges ...any) answer {
	t.Helper()
	return send(t, c, http.MethodPost, privilegesPath, object{
		"application": list{object{"application": "apm", "privileges": privileges, "resources": list{"*"}}},
	}).want(t, http.StatusOK)
}

// TestPrivileges_ofClusterTellWhoManagesWhichKeys is how a client tells
// beforehand whether it needs owner=true.
func TestPrivileges_ofClusterTellWhoManagesWhichKeys(t *testing.T) {
	t.Parallel()
	type rights struct{ own, all, read, security bool }
	for _, test := range []struct {
		name   string
		caller func(*testing.T) caller
		rights rights
	}{
		{"creator", as(w.creator), rights{own: true}},
		{"manage_api_key", as(w.manager), rights{own: true, all: true}},
		{"read_security", as(w.reader), rights{read: true}},
		{"superuser", as(w.admin), rights{true, true, true, true}},
		{"nobody", as(w.nobody), rights{}},
		{"an agent key", func(t *testing.T) caller { return newAgentKey(t, w.creator).caller() }, rights{}},
		{"manager's key with manage_api_key", func(t *testing.T) caller { return newRoleKey(t, w.manager, "manage_api_key").caller() }, rights{own: true, all: true}},
		// Its rights are those that it asks for and its owner has, both.
		{"creator's key that asks for manage_api_key", func(t *testing.T) caller { return newRoleKey(t, w.creator, "manage_api_key").caller() }, rights{own: true}},
		{"superuser's key", func(t *testing.T) caller { return newKey(t, w.admin, object{"name": uniqueName()}).caller() }, rights{true, true, true, true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := send(t, test.caller(t), http.MethodPost, privilegesPath,
				object{"cluster": list{"manage_own_api_key", "manage_api_key", "read_security", "manage_security"}}).want(t, http.StatusOK)
			got := rights{
				own: a.at("cluster.manage_own_api_key") == true, all: a.at("cluster.manage_api_key") == true,
				read: a.at("cluster.read_security") == true, security: a.at("cluster.manage_security") == true,
			}
			if got != test.rights {
				t.Errorf("%s; want %+v", a, test.rights)
			}
			if all := got == (rights{true, true, true, true}); a.at("has_all_requested") != all {
				t.Errorf("%s; want has_all_requested %v", a, all)
			}
		})
	}
}

func TestPrivileges_ofApplicationAreAnsweredOneByOne(t *testing.T) {
	t.Parallel()
	a := send(t, w.creator, http.MethodPost, privilegesPath, object{
		"cluster":     list{"manage_own_api_key"},
		"application": list{object{"application": "apm", "privileges": list{"event:write", "sourcemap:write"}, "resources": list{"*"}}},
	})
	a.wantBody(t, http.StatusOK, object{
		"username": w.creator.username, "has_all_requested": false, "index": object{},
		"cluster":     object{"manage_own_api_key": true},
		"application": object{"apm": object{"*": object{"event:write": true, "sourcemap:write": false}}},
	})
}

// TestPrivileges_onANarrowerResourceAreNotThoseOnAll: a role that grants the
// privileges on one resource does not do for agent keys.
func TestPrivileges_onANarrowerResourceAreNotThoseOnAll(t *testing.T) {
	t.Parallel()
	user := newUser(t, object{"applications": list{object{"application": "apm", "privileges": list{"event:write"}, "resources": list{"service-a"}}}})
	if a := hasPrivileges(t, user, "event:write"); a.at("has_all_requested") != false {
		t.Errorf("%s; want event:write refused on *", a)
	}
}

// TestPrivileges_ofAnAgentKeyAsAPMServerAsks is the question by which APM
// Server accepts a key (contract D).
func TestPrivileges_ofAnAgentKeyAsAPMServerAsks(t *testing.T) {
	t.Parallel()
	for label, test := range map[string]struct{ privileges, has list }{
		"both":              {list{"event:write", "config_agent:read"}, list{true, true}},
		"event:write":       {list{"event:write"}, list{true, false}},
		"config_agent:read": {list{"config_agent:read"}, list{false, true}},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, w.creator, agentKey(uniqueName(), test.privileges...))
			a := asAPMServer(t, k)
			a.wantBody(t, http.StatusOK, object{
				"username": w.creator.username, "has_all_requested": false, "cluster": object{}, "index": object{},
				"application": object{"apm": object{"-": object{"event:write": test.has[0], "config_agent:read": test.has[1], "sourcemap:write": false}}},
			})
		})
	}
}

// asAPMServer asks with the key what APM Server asks.
func asAPMServer(t *testing.T, k key) answer {
	t.Helper()
	return send(t, k.caller(), http.MethodPost, privilegesPath, object{"application": list{object{
		"application": "apm", "privileges": list{"config_agent:read", "event:write", "sourcemap:write"}, "resources": list{"-"},
	}}})
}

func TestPrivileges_refusesQuestionsWithoutPrivilege(t *testing.T) {
	t.Parallel()
	for label, test := range map[string]struct {
		body         object
		kind, reason string
	}{
		"no privilege": {
			object{"application": list{object{"application": "apm", "privileges": list{}, "resources": list{"*"}}}},
			"illegal_argument_exception", "application privileges must define at least one privilege",
		},
		"unknown privilege": {object{"cluster": list{"no_such_privilege"}}, "illegal_argument_exception", "unknown cluster privilege [no_such_privilege]"},
		"nothing":           {object{}, "parse_exception", "All privilege fields [cluster,index,applications] are missing"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			send(t, w.creator, http.MethodPost, privilegesPath, test.body).wantError(t, http.StatusBadRequest, test.kind, test.reason)
		})
	}
}
