package contract_test

import (
	"encoding/base64"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const keysPath = "/_security/api_key"

var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)
	secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
)

func TestCreate_answersTheSecretOnce(t *testing.T) {
	t.Parallel()
	name := uniqueName()
	a := send(t, w.creator, http.MethodPost, keysPath, agentKey(name, "event:write", "config_agent:read"))
	k := keyOf(a, "")
	a.wantBody(t, http.StatusOK, object{"id": k.id, "name": name, "api_key": "(redacted)", "encoded": "(redacted)"})

	if !idForm.MatchString(k.id) || !secretForm.MatchString(k.secret) {
		t.Errorf("id %q, secret of %d characters; want 20 and 22 of the URL-safe base64 alphabet", k.id, len(k.secret))
	}
	if k.encoded != base64.StdEncoding.EncodeToString([]byte(k.id+":"+k.secret)) {
		t.Error("encoded is not the base64 of id:api_key")
	}
	if read := get(t, w.admin, k.id); strings.Contains(string(read.raw), k.secret) {
		t.Error("a read shows the secret")
	}
}

// TestCreate_isVisibleAtOnce holds because the answer waits for the index
// refresh, which is what Kibana relies on as well.
func TestCreate_isVisibleAtOnce(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	get(t, w.creator, k.id, "owner=true").wantKeys(t, k.id)
	query(t, w.creator, object{"query": object{"ids": object{"values": list{k.id}}}}).wantKeys(t, k.id)
}

func TestCreate_allowsTheSameNameAgain(t *testing.T) {
	t.Parallel()
	body := agentKey(uniqueName(), "event:write")
	first, second := newKey(t, w.creator, body), newKey(t, w.creator, body)
	if first.id == second.id {
		t.Fatal("both keys have the same id")
	}
	for _, k := range []key{first, second} {
		authenticate(t, k.caller()).want(t, http.StatusOK)
	}
}

func TestCreate_acceptsNames(t *testing.T) {
	t.Parallel()
	for label, name := range map[string]string{
		"one character":                      "x",
		"256 characters":                     strings.Repeat("x", 256),
		"256 characters of two bytes":        strings.Repeat("é", 256),
		"128 characters of two UTF-16 units": strings.Repeat("😀", 128),
		"newline inside":                     "a\nb",
		"tab inside":                         "a\tb",
		"NUL inside":                         "a\x00b",
		"asterisk":                           "a*",
		"no-break space at the edges":        "\u00a0a\u00a0",
		"underscore inside":                  "a_b",
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, w.creator, agentKey(name, "event:write"))
			if k.name != name {
				t.Errorf("created %q, want %q", k.name, name)
			}
			if got := get(t, w.admin, k.id).text("api_keys.0.name"); got != name {
				t.Errorf("read %q, want %q", got, name)
			}
		})
	}
}

func TestCreate_refusesNames(t *testing.T) {
	t.Parallel()
	const edge, long = "api key name may not begin or end with whitespace", "api key name may not be more than 256 characters long"
	for label, test := range map[string]struct{ name, reason string }{
		"empty":                              {"", "api key name is required"},
		"underscore first":                   {"_x", "api key name may not begin with an underscore"},
		"blank first":                        {" x", edge},
		"blank last":                         {"x ", edge},
		"newline last":                       {"x\n", edge},
		"control character first":            {"\x01x", edge},
		"257 characters":                     {strings.Repeat("x", 257), long},
		"129 characters of two UTF-16 units": {strings.Repeat("😀", 129), long},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			send(t, w.creator, http.MethodPost, keysPath, agentKey(test.name, "event:write")).
				wantError(t, http.StatusBadRequest, "action_request_validation_exception", "Validation Failed: 1: "+test.reason+";")
		})
	}
}

func TestCreate_refusesMalformedBodies(t *testing.T) {
	t.Parallel()
	name := uniqueName()
	for label, test := range map[string]struct {
		body         any
		kind, reason string
	}{
		"no body":       {nil, "parse_exception", "request body is required"},
		"no name":       {object{}, "illegal_argument_exception", "Required [name]"},
		"null name":     {object{"name": nil}, "x_content_parse_exception", "name doesn't support values of type: VALUE_NULL"},
		"unknown field": {object{"name": name, "color": "red"}, "x_content_parse_exception", "[api_key_request] unknown field [color]"},
		"metadata with underscore": {
			object{"name": name, "metadata": object{"_x": 1}}, "action_request_validation_exception", "API key metadata keys may not start with [_]",
		},
		"application without privilege": {agentKey(name), "x_content_parse_exception", "application privileges must define at least one privilege"},
		"null expiration": {
			object{"name": name, "expiration": nil}, "x_content_parse_exception", "expiration doesn't support values of type: VALUE_NULL",
		},
		"unknown unit": {object{"name": name, "expiration": "1w"}, "x_content_parse_exception", "unit is missing or unrecognized"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			send(t, w.creator, http.MethodPost, keysPath, test.body).wantError(t, http.StatusBadRequest, test.kind, test.reason)
		})
	}
}

func TestCreate_acceptsPrivilegesThatNobodyRegistered(t *testing.T) {
	t.Parallel()
	k := newKey(t, w.creator, agentKey(uniqueName(), "bogus:write"))
	got := get(t, w.admin, k.id).at("api_keys.0.role_descriptors.apm.applications.0.privileges")
	if diff := cmp.Diff(any(list{"bogus:write"}), got); diff != "" {
		t.Errorf("privileges (-want +got):\n%s", diff)
	}
}

func TestCreate_withExpirationCountsFromTheServersNow(t *testing.T) {
	t.Parallel()
	body := agentKey(uniqueName(), "event:write")
	body["expiration"] = "90m"
	a := send(t, w.creator, http.MethodPost, keysPath, body).want(t, http.StatusOK)
	k := keyOf(a, "")
	read := get(t, w.admin, k.id)
	if got, want := a.number("expiration"), read.number("api_keys.0.expiration"); got != want {
		t.Errorf("create answered the expiration %v, a read %v", got, want)
	}
	// The server takes the time twice, a millisecond apart or, when it is busy, some more.
	if life := read.number("api_keys.0.expiration") - read.number("api_keys.0.creation"); math.Abs(life-90*60*1000) > 60*1000 {
		t.Errorf("the key lives %v ms, want 90 minutes", life)
	}
}

// TestCreate_withAnExpirationThatIsPastMakesADeadKey: only an update refuses
// what is not in the future.
func TestCreate_withAnExpirationThatIsPastMakesADeadKey(t *testing.T) {
	t.Parallel()
	for _, expiration := range []string{"0s", "-1s"} {
		body := agentKey(uniqueName(), "event:write")
		body["expiration"] = expiration
		wantUnauthenticated(t, newKey(t, w.creator, body), "API key: api key is expired")
	}
}

func TestCreate_refusesAUserWithoutPrivilege(t *testing.T) {
	t.Parallel()
	send(t, w.nobody, http.MethodPost, keysPath, agentKey(uniqueName(), "event:write")).
		wantError(t, http.StatusForbidden, "security_exception",
			"action [cluster:admin/xpack/security/api_key/create] is unauthorized for user ["+w.nobody.username+"] with effective roles ["+w.nobody.username+
				"], this action is granted by the cluster privileges [manage_own_api_key,manage_api_key,manage_security,all]")
}

// TestCreate_grantsNoMoreThanTheCreatorHas shows that a key may name what its
// creator lacks, and does not get it.
func TestCreate_grantsNoMoreThanTheCreatorHas(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.manager)
	if got := hasPrivileges(t, k.caller(), "event:write").at("has_all_requested"); got != false {
		t.Errorf("the key of a user without apm privileges has event:write: %v", got)
	}
}

// TestCreate_derivedKeyRule is contract A5's rule: no API key creates an agent
// key, whatever it may do otherwise.
func TestCreate_derivedKeyRule(t *testing.T) {
	t.Parallel()
	for label, creator := range map[string]func(*testing.T) key{
		"superuser":          func(t *testing.T) key { return newKey(t, w.admin, object{"name": uniqueName()}) },
		"manage_api_key":     func(t *testing.T) key { return newRoleKey(t, w.manager, "manage_api_key") },
		"manage_own_api_key": func(t *testing.T) key { return newRoleKey(t, w.creator, "manage_own_api_key") },
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			k := creator(t)
			const rule = "creating derived api keys requires an explicit role descriptor that is empty (has no privileges)"
			for _, body := range []object{agentKey(uniqueName(), "event:write"), {"name": uniqueName()}} {
				send(t, k.caller(), http.MethodPost, keysPath, body).wantError(t, http.StatusBadRequest, "illegal_argument_exception", rule)
			}
			// It may make a key that may do nothing, which is then no user's.
			derived := newKey(t, k.caller(), object{"name": uniqueName(), "role_descriptors": object{"none": object{}}})
			read := get(t, w.admin, derived.id)
			read.wantKeys(t, derived.id)
			if got := read.text("api_keys.0.realm"); got != "_es_api_key" {
				t.Errorf("the derived key's realm is %q, want _es_api_key", got)
			}
			for _, user := range []caller{w.creator, w.manager, w.admin} {
				get(t, user, derived.id, "owner=true").wantBody(t, http.StatusNotFound, noKeys)
			}
		})
	}
}

func TestCreate_superusersKeyHasEveryPrivilegeAllTheSame(t *testing.T) {
	t.Parallel()
	k := newKey(t, w.admin, object{"name": uniqueName()})
	a := send(t, k.caller(), http.MethodPost, privilegesPath, object{
		"cluster":     list{"manage_own_api_key"},
		"application": list{object{"application": "apm", "privileges": list{"event:write"}, "resources": list{"*"}}},
	}).want(t, http.StatusOK)
	if a.at("has_all_requested") != true {
		t.Errorf("%s; want all", a)
	}
}

func TestCreate_withABearerTokenBelongsToTheUser(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, newToken(t, w.creator))
	a := get(t, w.creator, k.id, "owner=true")
	a.wantKeys(t, k.id)
	if username, realm := a.text("api_keys.0.username"), a.text("api_keys.0.realm"); username != w.creator.username || realm != "default_native" {
		t.Errorf("the key belongs to %s/%s, want %s/default_native", username, realm, w.creator.username)
	}
}
