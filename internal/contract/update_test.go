package contract_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	updated   = object{"updated": true}
	unchanged = object{"updated": false}
)

func TestUpdate_expirationCountsFromTheServersNow(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	update(t, w.creator, k.id, object{"expiration": "1h"}).wantBody(t, http.StatusOK, updated)
	wantExpiration(t, k, "now+58m", "now+61m")
	authenticate(t, k.caller()).want(t, http.StatusOK)
	// An expiration can be moved both ways.
	update(t, w.creator, k.id, object{"expiration": "3d"}).wantBody(t, http.StatusOK, updated)
	wantExpiration(t, k, "now+71h", "now+73h")
	update(t, w.creator, k.id, object{"expiration": "10m"}).wantBody(t, http.StatusOK, updated)
	wantExpiration(t, k, "now+8m", "now+11m")
}

// wantExpiration has the server compare the key's expiration with its own
// clock.
func wantExpiration(t *testing.T, k key, after, before string) {
	t.Helper()
	query(t, w.admin, object{"query": object{"bool": object{"filter": list{
		object{"ids": object{"values": list{k.id}}},
		object{"range": object{"expiration": object{"gte": after, "lte": before}}},
	}}}}).wantKeys(t, k.id)
}

func TestUpdate_acceptsDurations(t *testing.T) {
	t.Parallel()
	for duration, within := range map[string][2]string{
		"30d":       {"now+29d", "now+31d"},
		"30D":       {"now+29d", "now+31d"},
		"12h":       {"now+11h", "now+13h"},
		"90m":       {"now+88m", "now+91m"},
		"7200s":     {"now+118m", "now+121m"},
		"7200000ms": {"now+118m", "now+121m"},
		"200000d":   {"now+199999d", "now+200001d"},
	} {
		t.Run(duration, func(t *testing.T) {
			t.Parallel()
			k := newAgentKey(t, w.creator)
			update(t, w.creator, k.id, object{"expiration": duration}).wantBody(t, http.StatusOK, updated)
			wantExpiration(t, k, within[0], within[1])
		})
	}
}

func TestUpdate_refusesDurations(t *testing.T) {
	t.Parallel()
	const validation, parse = "action_request_validation_exception", "x_content_parse_exception"
	k := newAgentKey(t, w.creator)
	for label, test := range map[string]struct {
		expiration   any
		kind, reason string
	}{
		"zero":          {"0s", validation, "API key expiration must be in the future"},
		"minus one":     {"-1", validation, "API key expiration must be in the future"},
		"past":          {"-1s", validation, "API key expiration must be in the future"},
		"fraction":      {"1.5h", parse, "failed to parse [1.5h], fractional time values are not supported"},
		"no unit":       {"10", parse, "failed to parse setting [expiration] with value [10] as a time value: unit is missing or unrecognized"},
		"empty":         {"", parse, "unit is missing or unrecognized"},
		"weeks":         {"1w", parse, "unit is missing or unrecognized"},
		"capital M":     {"1M", parse, "unit is missing or unrecognized"},
		"ISO 8601":      {"P1D", parse, "failed to parse [P1D]"},
		"two units":     {"1d12h", parse, "failed to parse [1d12h]"},
		"number":        {5, parse, "expiration doesn't support values of type: VALUE_NUMBER"},
		"null to clear": {nil, parse, "expiration doesn't support values of type: VALUE_NULL"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			update(t, w.creator, k.id, object{"expiration": test.expiration}).wantError(t, http.StatusBadRequest, test.kind, test.reason)
		})
	}
}

func TestUpdate_toAMillisecondEndsTheKey(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	authenticate(t, k.caller()).want(t, http.StatusOK)
	update(t, w.creator, k.id, object{"expiration": "1ms"}).wantBody(t, http.StatusOK, updated)
	wantUnauthenticated(t, k, "API key: api key is expired")
	if isInvalidated(t, k.id) {
		t.Error("the expired key counts as invalidated")
	}
}

func TestUpdate_thatChangesNothing(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	for label, body := range map[string]any{
		"no body":         nil,
		"empty body":      object{},
		"same metadata":   object{"metadata": object{"application": "apm"}},
		"same privileges": object{"role_descriptors": agentKeyRole("event:write", "config_agent:read")},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			update(t, w.creator, k.id, body).wantBody(t, http.StatusOK, unchanged)
		})
	}
}

// TestUpdate_leavesWhatItDoesNotName: expiration, privileges and metadata are
// changed one by one, and the rest of the key never.
func TestUpdate_leavesWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	read := func() object {
		return get(t, w.admin, k.id).want(t, http.StatusOK).at("api_keys.0").(object)
	}
	want := read()
	for _, step := range []struct {
		body, changes object
	}{
		{object{"metadata": object{"application": "apm", "stage": "test"}}, object{"metadata": object{"application": "apm", "stage": "test"}}},
		{object{"role_descriptors": agentKeyRole("event:write")}, object{"role_descriptors": agentKeyDescriptor("event:write")}},
		{object{"expiration": "1h"}, nil},
		{object{"metadata": object{"application": "apm"}}, object{"metadata": object{"application": "apm"}}},
		{
			object{"role_descriptors": agentKeyRole("event:write", "config_agent:read")},
			object{"role_descriptors": agentKeyDescriptor("event:write", "config_agent:read")},
		},
	} {
		update(t, w.creator, k.id, step.body).wantBody(t, http.StatusOK, updated)
		got := read()
		maps.Copy(want, step.changes)
		if step.changes == nil {
			want["expiration"] = got["expiration"]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.body, diff)
		}
	}
}

func TestUpdate_ofPrivilegesKeepsTheSecret(t *testing.T) {
	t.Parallel()
	k := newKey(t, w.creator, agentKey(uniqueName(), "event:write"))
	update(t, w.creator, k.id, object{"role_descriptors": agentKeyRole("config_agent:read")}).wantBody(t, http.StatusOK, updated)
	a := asAPMServer(t, k).want(t, http.StatusOK)
	if a.at("application.apm.-.event:write") != false || a.at("application.apm.-.config_agent:read") != true {
		t.Errorf("%s; want config_agent:read alone", a)
	}
}

func TestUpdate_grantsNoMoreThanTheOwnerHas(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	update(t, w.creator, k.id, object{"role_descriptors": agentKeyRole("event:write", "sourcemap:write")}).wantBody(t, http.StatusOK, updated)
	a := asAPMServer(t, k).want(t, http.StatusOK)
	if a.at("application.apm.-.event:write") != true || a.at("application.apm.-.sourcemap:write") != false {
		t.Errorf("%s; want event:write alone, which the owner has", a)
	}
}

// TestUpdate_toNoDescriptorsGrantsAllThatTheOwnerHas is a trap: empty does not
// mean none.
func TestUpdate_toNoDescriptorsGrantsAllThatTheOwnerHas(t *testing.T) {
	t.Parallel()
	k := newKey(t, w.creator, agentKey(uniqueName(), "event:write"))
	update(t, w.creator, k.id, object{"role_descriptors": object{}}).wantBody(t, http.StatusOK, updated)
	a := asAPMServer(t, k).want(t, http.StatusOK)
	if a.at("application.apm.-.config_agent:read") != true {
		t.Errorf("%s; want the owner's config_agent:read", a)
	}
}

// TestUpdate_takesTheOwnersRightsAnew: until then a key lives on the rights
// that its owner had when it was made; any update, one that names nothing
// included, takes those that he has now (contract B5).
func TestUpdate_takesTheOwnersRightsAnew(t *testing.T) {
	t.Parallel()
	for label, body := range map[string]object{"expiration": {"expiration": "1h"}, "nothing": {}} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			owner := newUser(t, creatorRole)
			k := newAgentKey(t, owner)
			if err := w.putRole(owner.username, object{"cluster": list{"manage_own_api_key"}}); err != nil {
				t.Fatal(err)
			}
			if a := hasPrivileges(t, owner, "event:write"); a.at("has_all_requested") != false {
				t.Fatalf("%s; want the owner without event:write", a)
			}
			if a := hasPrivileges(t, k.caller(), "event:write"); a.at("has_all_requested") != true {
				t.Errorf("%s; want the key to keep event:write", a)
			}
			update(t, owner, k.id, body).wantBody(t, http.StatusOK, updated)
			if a := hasPrivileges(t, k.caller(), "event:write"); a.at("has_all_requested") != false {
				t.Errorf("%s; want the key to have lost event:write", a)
			}
		})
	}
}

func TestUpdate_isForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	const (
		notFound  = "no API key owned by requesting user found for ID ["
		notByKey  = "authentication via API key not supported: only the owner user can update an API key"
		forbidden = "action [cluster:admin/xpack/security/api_key/update] is unauthorized for "
	)
	for _, test := range []struct {
		name         string
		caller       func(*testing.T) caller
		id           string
		status       int
		kind, reason string
	}{
		{"another user of the same rights", as(w.other), k.id, http.StatusNotFound, "resource_not_found_exception", notFound + k.id + "]"},
		{"manage_api_key", as(w.manager), k.id, http.StatusNotFound, "resource_not_found_exception", notFound + k.id + "]"},
		{"superuser", as(w.admin), k.id, http.StatusNotFound, "resource_not_found_exception", notFound + k.id + "]"},
		{"owner, unknown key", as(w.creator), unknownID, http.StatusNotFound, "resource_not_found_exception", notFound + unknownID + "]"},
		{"read_security", as(w.reader), k.id, http.StatusForbidden, "security_exception", forbidden + "user"},
		{"nobody", as(w.nobody), k.id, http.StatusForbidden, "security_exception", forbidden + "user"},
		{"the key itself", as(k.caller()), k.id, http.StatusForbidden, "security_exception", forbidden + "API key id [" + k.id + "]"},
		{"owner's key", func(t *testing.T) caller { return newRoleKey(t, w.creator, "manage_own_api_key").caller() }, k.id, http.StatusBadRequest, "illegal_argument_exception", notByKey},
		{"superuser's key", func(t *testing.T) caller { return newKey(t, w.admin, object{"name": uniqueName()}).caller() }, k.id, http.StatusBadRequest, "illegal_argument_exception", notByKey},
		{"manager's key", func(t *testing.T) caller { return newRoleKey(t, w.manager, "manage_api_key").caller() }, k.id, http.StatusBadRequest, "illegal_argument_exception", notByKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			update(t, test.caller(t), test.id, object{"expiration": "1h"}).wantError(t, test.status, test.kind, test.reason)
			if got := get(t, w.admin, k.id).at("api_keys.0.expiration"); got != nil {
				t.Errorf("the key got the expiration %v", got)
			}
		})
	}
}

func TestUpdate_worksForTheOwnerInEveryGuise(t *testing.T) {
	t.Parallel()
	for name, owner := range map[string]func(*testing.T) caller{
		"password": as(w.creator),
		"token":    func(t *testing.T) caller { return newToken(t, w.creator) },
		"run-as":   as(caller{authorization: w.admin.authorization, runAs: w.creator.username}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newAgentKey(t, w.creator)
			update(t, owner(t), k.id, object{"expiration": "1h"}).wantBody(t, http.StatusOK, updated)
			get(t, w.creator, k.id, "owner=true").wantKeys(t, k.id)
		})
	}
}

func TestUpdate_refusesDeadKeys(t *testing.T) {
	t.Parallel()
	for state, newDeadKey := range map[string]func(*testing.T, caller) key{"expired": newExpiredKey, "invalidated": newInvalidatedKey} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			k := newDeadKey(t, w.creator)
			update(t, w.creator, k.id, object{"expiration": "1h"}).
				wantError(t, http.StatusBadRequest, "illegal_argument_exception", "cannot update "+state+" API key ["+k.id+"]")
		})
	}
}

func TestUpdate_refusesWhatCannotChange(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	update(t, w.creator, k.id, object{"name": "another"}).
		wantError(t, http.StatusBadRequest, "x_content_parse_exception", "[update_api_key_request_payload] unknown field [name]")
	update(t, w.creator, k.id, object{"role_descriptors": agentKeyRole()}).
		wantError(t, http.StatusBadRequest, "x_content_parse_exception", "application privileges must define at least one privilege")
	send(t, w.creator, http.MethodPut, keysPath+"/"+k.id+"?refresh=false", object{"expiration": "1h"}).
		wantError(t, http.StatusBadRequest, "illegal_argument_exception", "contains unrecognized parameter: [refresh]")
}
