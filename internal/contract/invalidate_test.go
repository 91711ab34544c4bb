package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// invalidated is the body of an invalidation that ended the keys; without any
// it is that of one that did nothing.
func invalidated(ids ...string) object {
	ended := list{}
	for _, id := range ids {
		ended = append(ended, id)
	}
	return object{"invalidated_api_keys": ended, "previously_invalidated_api_keys": list{}, "error_count": 0.}
}

// TestInvalidate_dependsOnWhoAsks covers contract E, Invalidate: who ends a
// key of creator's, with owner=true and without it.
func TestInvalidate_dependsOnWhoAsks(t *testing.T) {
	t.Parallel()
	type outcome int
	const (
		ends outcome = iota
		doesNothing
		forbidden
	)
	own := func(t *testing.T, _ key) caller { return newRoleKey(t, w.creator, "manage_own_api_key").caller() }
	is := func(c caller) func(*testing.T, key) caller { return func(*testing.T, key) caller { return c } }
	for _, test := range []struct {
		name                string
		caller              func(*testing.T, key) caller
		withoutOwner, owner outcome
	}{
		{"creator", is(w.creator), forbidden, ends},
		{"creator's token", func(t *testing.T, _ key) caller { return newToken(t, w.creator) }, forbidden, ends},
		{"another user of the same rights", is(w.other), forbidden, doesNothing},
		{"manage_api_key", is(w.manager), ends, doesNothing},
		{"superuser", is(w.admin), ends, doesNothing},
		{"superuser as creator", is(caller{authorization: w.admin.authorization, runAs: w.creator.username}), forbidden, ends},
		{"read_security", is(w.reader), forbidden, forbidden},
		{"nobody", is(w.nobody), forbidden, forbidden},
		{"the key itself", func(_ *testing.T, k key) caller { return k.caller() }, forbidden, forbidden},
		{"creator's key with manage_own_api_key", own, forbidden, forbidden},
		{"manager's key with manage_api_key", func(t *testing.T, _ key) caller { return newRoleKey(t, w.manager, "manage_api_key").caller() }, ends, doesNothing},
		{"superuser's key", func(t *testing.T, _ key) caller { return newKey(t, w.admin, object{"name": uniqueName()}).caller() }, ends, doesNothing},
	} {
		for owner, want := range map[bool]outcome{false: test.withoutOwner, true: test.owner} {
			name := test.name
			if owner {
				name += ", owner"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				k := newAgentKey(t, w.creator)
				a := invalidate(t, test.caller(t, k), object{"ids": list{k.id}, "owner": owner})
				switch want {
				case ends:
					a.wantBody(t, http.StatusOK, invalidated(k.id))
				case doesNothing:
					a.wantBody(t, http.StatusOK, invalidated())
				case forbidden:
					a.wantError(t, http.StatusForbidden, "security_exception", "action [cluster:admin/xpack/security/api_key/invalidate] is unauthorized")
				}
				if got := isInvalidated(t, k.id); got != (want == ends) {
					t.Errorf("afterwards the key's invalidated is %v", got)
				}
			})
		}
	}
}

func TestInvalidate_takesEffectAtOnce(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	authenticate(t, k.caller()).want(t, http.StatusOK)
	invalidate(t, w.creator, object{"ids": list{k.id}, "owner": true}).wantBody(t, http.StatusOK, invalidated(k.id))
	wantUnauthenticated(t, k, "API key: api key ["+k.id+"] has been invalidated")
	get(t, w.creator, k.id, "owner=true", "active_only=true").wantBody(t, http.StatusNotFound, noKeys)
	query(t, w.creator, object{"query": object{"bool": object{"filter": list{
		object{"ids": object{"values": list{k.id}}}, object{"term": object{"invalidated": true}},
	}}}}).wantKeys(t, k.id)
}

// TestInvalidate_answersNothingDoneAlikeForAllReasons is why an empty answer
// proves nothing.
func TestInvalidate_answersNothingDoneAlikeForAllReasons(t *testing.T) {
	t.Parallel()
	ended := newInvalidatedKey(t, w.creator)
	theirs := newAgentKey(t, w.other)
	for reason, id := range map[string]string{"unknown": unknownID, "already invalidated": ended.id, "of another user": theirs.id} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			invalidate(t, w.creator, object{"ids": list{id}, "owner": true}).wantBody(t, http.StatusOK, invalidated())
		})
	}
	for reason, id := range map[string]string{"unknown, as manager": unknownID, "already invalidated, as manager": ended.id} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			invalidate(t, w.manager, object{"ids": list{id}}).wantBody(t, http.StatusOK, invalidated())
		})
	}
}

func TestInvalidate_endsAnExpiredKeyToo(t *testing.T) {
	t.Parallel()
	k := newExpiredKey(t, w.creator)
	invalidate(t, w.creator, object{"ids": list{k.id}, "owner": true}).wantBody(t, http.StatusOK, invalidated(k.id))
	if !isInvalidated(t, k.id) {
		t.Error("the expired key is not invalidated")
	}
}

func TestInvalidate_namesOnlyTheLiveOnesOfMany(t *testing.T) {
	t.Parallel()
	first, second, dead := newAgentKey(t, w.creator), newAgentKey(t, w.creator), newInvalidatedKey(t, w.creator)
	theirs := newAgentKey(t, w.other)
	a := invalidate(t, w.creator, object{"ids": list{first.id, dead.id, unknownID, theirs.id, second.id}, "owner": true}).want(t, http.StatusOK)
	sorted := cmpopts.SortSlices(func(a, b any) bool { return a.(string) < b.(string) })
	if diff := cmp.Diff(any(invalidated(first.id, second.id)), a.json, sorted); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if isInvalidated(t, theirs.id) {
		t.Error("another user's key was invalidated")
	}
}

func TestInvalidate_byNameAndByUser(t *testing.T) {
	t.Parallel()
	user := newUser(t, creatorRole)
	first := newAgentKey(t, user)
	invalidate(t, user, object{"name": first.name, "owner": true}).wantBody(t, http.StatusOK, invalidated(first.id))
	second := newAgentKey(t, user)
	invalidate(t, user, object{"username": user.username, "realm_name": "default_native"}).wantBody(t, http.StatusOK, invalidated(second.id))
	third := newAgentKey(t, user)
	invalidate(t, user, object{"owner": true}).wantBody(t, http.StatusOK, invalidated(third.id))
}

func TestInvalidate_letsAKeyWithTheRightEndItself(t *testing.T) {
	t.Parallel()
	k := newRoleKey(t, w.creator, "manage_own_api_key")
	invalidate(t, k.caller(), object{"ids": list{k.id}}).wantBody(t, http.StatusOK, invalidated(k.id))
}

func TestInvalidate_refusesBodies(t *testing.T) {
	t.Parallel()
	const parse, validation = "x_content_parse_exception", "action_request_validation_exception"
	for label, test := range map[string]struct {
		body         any
		kind, reason string
	}{
		"no body":         {nil, "parse_exception", "request body is required"},
		"nothing named":   {object{}, validation, "One of [api key id(s), api key name, username, realm name] must be specified if [owner] flag is false"},
		"empty ids":       {object{"ids": list{}}, parse, "Field [ids] cannot be an empty array"},
		"blank id":        {object{"ids": list{""}}, parse, "Field [ids] must not contain blank id, but got blank id at index position: [0]"},
		"old form of ids": {object{"id": "a"}, parse, "[invalidate_api_key] unknown field [id]"},
		"ids and name":    {object{"ids": list{"a"}, "name": "b"}, validation, "only one of [api key id(s), api key name] can be specified"},
		"ids and user":    {object{"ids": list{"a"}, "username": "b"}, validation, "username or realm name must not be specified when the api key id(s) or api key name are specified"},
		"owner and user":  {object{"owner": true, "username": "b"}, validation, "neither username nor realm-name may be specified when invalidating owned API keys"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			invalidate(t, w.manager, test.body).wantError(t, http.StatusBadRequest, test.kind, test.reason)
		})
	}
	t.Run("refresh", func(t *testing.T) {
		t.Parallel()
		send(t, w.manager, http.MethodDelete, keysPath+"?refresh=false", object{"ids": list{unknownID}}).
			wantError(t, http.StatusBadRequest, "illegal_argument_exception", "contains unrecognized parameter: [refresh]")
	})
}

// TestMethod_unknownIsAnsweredWithAPlainString: not every error is an object
// (contract B9).
func TestMethod_unknownIsAnsweredWithAPlainString(t *testing.T) {
	t.Parallel()
	a := send(t, w.admin, http.MethodPatch, keysPath, object{}).want(t, http.StatusMethodNotAllowed)
	if !strings.HasPrefix(a.text("error"), "Incorrect HTTP method for uri [/_security/api_key] and method [PATCH], allowed: [") {
		t.Errorf("%s; want the error to be a string", a)
	}
}
