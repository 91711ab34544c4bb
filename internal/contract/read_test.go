package contract_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// noKeys is the whole body of a read that found nothing; with status 404 it
// is not Elasticsearch's error object (contract B2).
var noKeys = object{"api_keys": list{}}

// agentKeyDescriptor is what a read shows of an agent key's rights.
func agentKeyDescriptor(privileges ...any) object {
	return object{"apm": object{
		"cluster": list{}, "indices": list{}, "run_as": list{}, "metadata": object{},
		"applications":       list{object{"application": "apm", "privileges": privileges, "resources": list{"*"}}},
		"transient_metadata": object{"enabled": true},
	}}
}

func TestRead_showsTheFieldsOfAnAgentKey(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	a := get(t, w.creator, k.id, "owner=true")
	creation := a.number("api_keys.0.creation")
	if creation == 0 {
		t.Fatalf("%s; want a creation time", a)
	}
	a.wantBody(t, http.StatusOK, object{"api_keys": list{object{
		"id": k.id, "name": k.name, "type": "rest", "creation": creation, "invalidated": false,
		"username": w.creator.username, "realm": "default_native", "realm_type": "native",
		"metadata":         object{"application": "apm"},
		"role_descriptors": agentKeyDescriptor("event:write", "config_agent:read"),
	}}})
}

func TestRead_ofAnUnknownKey(t *testing.T) {
	t.Parallel()
	get(t, w.admin, unknownID).wantBody(t, http.StatusNotFound, noKeys)
	get(t, w.creator, unknownID, "owner=true").wantBody(t, http.StatusNotFound, noKeys)
	send(t, w.admin, http.MethodGet, keysPath+"?name="+uniqueName(), nil).wantBody(t, http.StatusOK, noKeys)
}

func TestRead_takesOneIDAlone(t *testing.T) {
	t.Parallel()
	first, second := newAgentKey(t, w.creator), newAgentKey(t, w.creator)
	get(t, w.admin, first.id+","+second.id).wantBody(t, http.StatusNotFound, noKeys)
}

// TestRead_withAnEmptyIDIsAReadOfAll is a trap: the parameter counts as not
// given.
func TestRead_withAnEmptyIDIsAReadOfAll(t *testing.T) {
	t.Parallel()
	user := newUser(t, creatorRole)
	first, second := newAgentKey(t, user), newAgentKey(t, user)
	get(t, user, "", "owner=true").wantKeys(t, first.id, second.id)
}

func TestRead_byNameTakesAPrefix(t *testing.T) {
	t.Parallel()
	user := newUser(t, creatorRole)
	prefix := uniqueName()
	first := newKey(t, user, agentKey(prefix+"-a", "event:write"))
	second := newKey(t, user, agentKey(prefix+"-b", "event:write"))
	send(t, user, http.MethodGet, keysPath+"?owner=true&name="+prefix+"-*", nil).wantKeys(t, first.id, second.id)
	send(t, user, http.MethodGet, keysPath+"?owner=true&name="+prefix+"-a", nil).wantKeys(t, first.id)
}

// TestRead_dependsOnWhoAsks covers contract E, Read: who sees a key of
// creator's, with owner=true and without it.
func TestRead_dependsOnWhoAsks(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	for _, test := range []struct {
		name                string
		caller              func(*testing.T) caller
		withoutOwner, owner int
	}{
		{"creator", as(w.creator), http.StatusForbidden, http.StatusOK},
		{"creator's token", func(t *testing.T) caller { return newToken(t, w.creator) }, http.StatusForbidden, http.StatusOK},
		{"another user of the same rights", as(w.other), http.StatusForbidden, http.StatusNotFound},
		{"manage_api_key", as(w.manager), http.StatusOK, http.StatusNotFound},
		{"read_security", as(w.reader), http.StatusOK, http.StatusNotFound},
		{"superuser", as(w.admin), http.StatusOK, http.StatusNotFound},
		{"superuser as creator", as(caller{authorization: w.admin.authorization, runAs: w.creator.username}), http.StatusForbidden, http.StatusOK},
		{"nobody", as(w.nobody), http.StatusForbidden, http.StatusForbidden},
		{"the key itself", as(k.caller()), http.StatusOK, http.StatusOK},
		{"another agent key", func(t *testing.T) caller { return newAgentKey(t, w.creator).caller() }, http.StatusForbidden, http.StatusForbidden},
		{"creator's key with manage_own_api_key", func(t *testing.T) caller { return newRoleKey(t, w.creator, "manage_own_api_key").caller() }, http.StatusForbidden, http.StatusForbidden},
		{"manager's key with manage_api_key", func(t *testing.T) caller { return newRoleKey(t, w.manager, "manage_api_key").caller() }, http.StatusOK, http.StatusNotFound},
		{"superuser's key", func(t *testing.T) caller { return newKey(t, w.admin, object{"name": uniqueName()}).caller() }, http.StatusOK, http.StatusNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := test.caller(t)
			for parameter, status := range map[string]int{"owner=false": test.withoutOwner, "owner=true": test.owner} {
				switch a := get(t, c, k.id, parameter); status {
				case http.StatusOK:
					a.wantKeys(t, k.id)
				case http.StatusNotFound:
					a.wantBody(t, status, noKeys)
				default:
					a.wantError(t, status, "security_exception", "action [cluster:admin/xpack/security/api_key/get] is unauthorized")
				}
			}
		})
	}
}

// TestRead_ofOnesOwnByUserAndRealm is the other way for one with
// manage_own_api_key alone; the user name without the realm is not enough.
func TestRead_ofOnesOwnByUserAndRealm(t *testing.T) {
	t.Parallel()
	user := newUser(t, creatorRole)
	k := newAgentKey(t, user)
	send(t, user, http.MethodGet, keysPath+"?realm_name=default_native&username="+user.username, nil).wantKeys(t, k.id)
	send(t, user, http.MethodGet, keysPath+"?username="+user.username, nil).want(t, http.StatusForbidden)
	send(t, user, http.MethodGet, keysPath+"?realm_name=default_native&username="+w.creator.username, nil).want(t, http.StatusForbidden)
}

// TestRead_refusalNamesWhatWouldDo: without owner=true, manage_own_api_key is
// no longer among the privileges that grant the read.
func TestRead_refusalNamesWhatWouldDo(t *testing.T) {
	t.Parallel()
	get(t, w.creator, unknownID).wantError(t, http.StatusForbidden, "security_exception",
		"for user ["+w.creator.username+"] with effective roles ["+w.creator.username+"], this action is granted by the cluster privileges [read_security,manage_api_key,manage_security,all]")
	get(t, w.nobody, unknownID, "owner=true").wantError(t, http.StatusForbidden, "security_exception",
		"granted by the cluster privileges [manage_own_api_key,read_security,manage_api_key,manage_security,all]")
	k := newAgentKey(t, w.creator)
	get(t, k.caller(), unknownID).wantError(t, http.StatusForbidden, "security_exception",
		"is unauthorized for API key id ["+k.id+"] of user ["+w.creator.username+"]")
}

func TestRead_keepsShowingDeadKeys(t *testing.T) {
	t.Parallel()
	t.Run("invalidated", func(t *testing.T) {
		t.Parallel()
		k := newInvalidatedKey(t, w.creator)
		a := get(t, w.creator, k.id, "owner=true").want(t, http.StatusOK)
		if a.at("api_keys.0.invalidated") != true || a.number("api_keys.0.invalidation") < a.number("api_keys.0.creation") {
			t.Errorf("%s; want it invalidated after its creation", a)
		}
		get(t, w.creator, k.id, "owner=true", "active_only=true").wantBody(t, http.StatusNotFound, noKeys)
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		k := newExpiredKey(t, w.creator)
		a := get(t, w.creator, k.id, "owner=true").want(t, http.StatusOK)
		if a.at("api_keys.0.invalidated") != false || a.number("api_keys.0.expiration") == 0 || a.at("api_keys.0.invalidation") != nil {
			t.Errorf("%s; want an expiration, and not invalidated", a)
		}
		get(t, w.creator, k.id, "owner=true", "active_only=true").wantBody(t, http.StatusNotFound, noKeys)
	})
	t.Run("live", func(t *testing.T) {
		t.Parallel()
		k := newAgentKey(t, w.creator)
		get(t, w.creator, k.id, "owner=true", "active_only=true").wantKeys(t, k.id)
	})
}

func TestRead_showsTheOwnersRightsWhenAsked(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	a := get(t, w.creator, k.id, "owner=true", "with_limited_by=true").want(t, http.StatusOK)
	want := list{"manage_own_api_key"}
	if diff := cmp.Diff(any(want), a.at("api_keys.0.limited_by.0."+w.creator.username+".cluster")); diff != "" {
		t.Errorf("limited_by (-want +got):\n%s", diff)
	}
	own := newRoleKey(t, w.creator, "manage_own_api_key")
	get(t, own.caller(), own.id).wantKeys(t, own.id)
	get(t, own.caller(), own.id, "with_limited_by=true").want(t, http.StatusForbidden)
}

func TestRead_refusesParameters(t *testing.T) {
	t.Parallel()
	for parameters, test := range map[string]struct{ kind, reason string }{
		"id=a&name=b":           {"action_request_validation_exception", "only one of [api key id, api key name] can be specified"},
		"id=a&username=b":       {"action_request_validation_exception", "username or realm name must not be specified when the api key id or api key name is specified"},
		"owner=true&username=b": {"action_request_validation_exception", "neither username nor realm-name may be specified when retrieving owned API keys"},
		"colour=red":            {"illegal_argument_exception", "contains unrecognized parameter: [colour]"},
	} {
		t.Run(parameters, func(t *testing.T) {
			t.Parallel()
			send(t, w.admin, http.MethodGet, keysPath+"?"+parameters, nil).wantError(t, http.StatusBadRequest, test.kind, test.reason)
		})
	}
}

// as is for tables in which some callers have to be made by the case.
func as(c caller) func(*testing.T) caller {
	return func(*testing.T) caller { return c }
}
