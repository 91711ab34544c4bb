package contract_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const refused = "unable to authenticate with provided credentials and anonymous access is not allowed for this request"

// wantUnauthenticated fails the case unless the key is refused for the reason.
func wantUnauthenticated(t *testing.T, k key, reason string) {
	t.Helper()
	a := authenticate(t, k.caller())
	a.wantError(t, http.StatusUnauthorized, "security_exception", refused)
	if got := a.text("error.additional_unsuccessful_credentials"); got != reason {
		t.Errorf("%s; want additional_unsuccessful_credentials %q", a, reason)
	}
}

func TestAuthentication_ofAKeyThatTheServerDoesNotTake(t *testing.T) {
	t.Parallel()
	live := newAgentKey(t, w.creator)
	encode := func(credentials string) string { return base64.StdEncoding.EncodeToString([]byte(credentials)) }
	for label, test := range map[string]struct{ encoded, reason string }{
		"no base64":    {"!!!!", "API key: Illegal base64 character 21"},
		"no colon":     {encode("abc"), "API key: invalid ApiKey value"},
		"unknown id":   {encode(unknownID + ":" + strings.Repeat("A", 22)), "API key: unable to find apikey with id " + unknownID},
		"wrong secret": {encode(live.id + ":" + strings.Repeat("A", 22)), "API key: invalid credentials for API key [" + live.id + "]"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			wantUnauthenticated(t, key{encoded: test.encoded}, test.reason)
		})
	}
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		wantUnauthenticated(t, newExpiredKey(t, w.creator), "API key: api key is expired")
	})
	t.Run("invalidated", func(t *testing.T) {
		t.Parallel()
		k := newInvalidatedKey(t, w.creator)
		wantUnauthenticated(t, k, "API key: api key ["+k.id+"] has been invalidated")
	})
}

func TestAuthentication_ofAUserThatTheServerDoesNotTake(t *testing.T) {
	t.Parallel()
	// A wrong password clears the server's cache of that user, which disturbs
	// other cases' requests in flight if he is theirs too.
	user := newUser(t, object{})
	for label, test := range map[string]struct {
		caller caller
		reason string
	}{
		"no credentials": {caller{}, "missing authentication credentials for REST request [/_security/_authenticate]"},
		"wrong password": {basic(user.username, "wrong-password"), "unable to authenticate user [" + user.username + "] for REST request [/_security/_authenticate]"},
		"unknown user":   {basic("unknown-user", "wrong-password"), "unable to authenticate user [unknown-user] for REST request [/_security/_authenticate]"},
		"unknown token":  {bearer("", "abc"), refused},
		"unknown scheme": {caller{authorization: "Digest abc"}, "missing authentication credentials for REST request [/_security/_authenticate]"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			a := authenticate(t, test.caller)
			a.wantError(t, http.StatusUnauthorized, "security_exception", test.reason)
			schemes := a.header.Values("Www-Authenticate")
			if !slices.Contains(schemes, "ApiKey") || !slices.Contains(schemes, `Bearer realm="security"`) {
				t.Errorf("WWW-Authenticate %q; want ApiKey and Bearer among them", schemes)
			}
		})
	}
}

func TestAuthentication_takesTheSchemeInAnyCase(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	authenticate(t, caller{authorization: "apikey " + k.encoded}).want(t, http.StatusOK)
}

func TestKey_outlivesItsCreator(t *testing.T) {
	t.Parallel()
	creator := newUser(t, creatorRole)
	k := newAgentKey(t, creator)
	send(t, w.admin, http.MethodDelete, "/_security/user/"+creator.username, nil).want(t, http.StatusOK)

	authenticate(t, creator).want(t, http.StatusUnauthorized)
	authenticate(t, k.caller()).want(t, http.StatusOK)
	if a := hasPrivileges(t, k.caller(), "event:write", "config_agent:read"); a.at("has_all_requested") != true {
		t.Errorf("%s; want both privileges still", a)
	}
	invalidate(t, w.manager, object{"ids": list{k.id}}).wantBody(t, http.StatusOK, invalidated(k.id))
}

// TestKey_belongsToANewUserOfTheSameName: the owner is a name and a realm, no
// more.
func TestKey_belongsToANewUserOfTheSameName(t *testing.T) {
	t.Parallel()
	creator := newUser(t, creatorRole)
	k := newAgentKey(t, creator)
	send(t, w.admin, http.MethodDelete, "/_security/user/"+creator.username, nil).want(t, http.StatusOK)
	send(t, w.admin, http.MethodPut, "/_security/user/"+creator.username,
		object{"password": "another-password", "roles": list{creator.username}}).want(t, http.StatusOK)

	again := basic(creator.username, "another-password")
	get(t, again, k.id, "owner=true").wantKeys(t, k.id)
	invalidate(t, again, object{"ids": list{k.id}, "owner": true}).wantBody(t, http.StatusOK, invalidated(k.id))
}

func TestRoot_needsMonitor(t *testing.T) {
	t.Parallel()
	send(t, w.creator, http.MethodGet, "/", nil).
		wantError(t, http.StatusForbidden, "security_exception", "action [cluster:monitor/main] is unauthorized for user ["+w.creator.username+"]")
	send(t, w.admin, http.MethodGet, "/", nil).want(t, http.StatusOK)
}

// TestHeaders_ofAnswers: the product is named once one is authenticated, and
// the time never is.
func TestHeaders_ofAnswers(t *testing.T) {
	t.Parallel()
	for label, test := range map[string]struct {
		caller  caller
		product string
	}{
		"authenticated":     {w.creator, "Elasticsearch"},
		"not authenticated": {caller{}, ""},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			a := authenticate(t, test.caller)
			if got := a.header.Get("X-Elastic-Product"); got != test.product {
				t.Errorf("X-Elastic-Product %q, want %q", got, test.product)
			}
			if got, ok := a.header["Date"]; ok {
				t.Errorf("Date %q, want none", got)
			}
		})
	}
	a := get(t, w.creator, unknownID, "owner=true").want(t, http.StatusNotFound)
	if got := a.header.Get("X-Elastic-Product"); got != "Elasticsearch" {
		t.Errorf("X-Elastic-Product %q of a refusal, want Elasticsearch", got)
	}
}

// TestMediaTypes_ofTheServersMajorAndTheOneBefore are taken; plain JSON always
// is.
func TestMediaTypes_ofTheServersMajorAndTheOneBefore(t *testing.T) {
	t.Parallel()
	versioned := func(major string) string {
		return "application/vnd.elasticsearch+json;compatible-with=" + major
	}
	want := map[string]int{
		"application/json": http.StatusOK,
		versioned("7"):     http.StatusBadRequest,
		versioned("8"):     http.StatusOK,
		versioned("9"):     http.StatusOK,
	}
	if w.version.major == 8 {
		want[versioned("7")], want[versioned("9")] = http.StatusOK, http.StatusBadRequest
	}
	for mediaType, status := range want {
		t.Run(mediaType, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Authorization": {w.creator.authorization}, "Accept": {mediaType}}
			a, err := call(http.MethodGet, w.elasticsearch+"/_security/_authenticate", header, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.want(t, status)
			if status == http.StatusBadRequest && a.text("error.type") != "media_type_header_exception" {
				t.Errorf("%s; want media_type_header_exception", a)
			}
			if status == http.StatusOK && a.header.Get("Content-Type") != mediaType {
				t.Errorf("Content-Type %q, want %q", a.header.Get("Content-Type"), mediaType)
			}
		})
	}
}
