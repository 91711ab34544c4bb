package contract_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// A caller is an identity that requests are sent as.
type caller struct {
	username      string
	authorization string
	runAs         string
}

// A key is an API key as its creator got it.
type key struct {
	id, name, secret, encoded string
}

// A world is what all cases share: the server and users of each kind of
// right. Keys of the shared users are not counted by any case; one that
// counts makes a user of its own.
type world struct {
	target
	version version
	prefix  string

	admin   caller // Superuser.
	creator caller // manage_own_api_key and the two apm privileges: the role an agent key's creator needs.
	other   caller // The same rights, another user.
	manager caller // manage_api_key.
	reader  caller // read_security.
	nobody  caller // Nothing.

	mu   sync.Mutex
	keys []string
}

// A target is where the cases send their requests, and a superuser there.
type target struct {
	elasticsearch, kibana string // URLs.
	space                 string // One of Kibana's beside the default one.
	username, password    string
}

// A version is that of the Elasticsearch server.
type version struct {
	major, minor int
}

// creatorRole is the least role that creates agent keys (contract A1); the
// first entry is what Kibana asks for itself.
var creatorRole = object{
	"cluster": list{"manage_own_api_key"},
	"applications": list{
		object{"application": "kibana-.kibana", "privileges": list{"feature_apm.all"}, "resources": list{"*"}},
		object{"application": "apm", "privileges": list{"event:write", "config_agent:read"}, "resources": list{"*"}},
	},
}

var w *world

func newWorld(t target) *world {
	return &world{
		target: t,
		prefix: "contract-" + strings.ToLower(rand.Text()[:10]),
		admin:  basic(t.username, t.password),
	}
}

// setUp makes the shared users.
func (w *world) setUp() error {
	info, err := w.send(w.admin, http.MethodGet, "/", nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Sscanf(info.text("version.number"), "%d.%d", &w.version.major, &w.version.minor); err != nil {
		return fmt.Errorf("%s: no version: %w", info, err)
	}
	for name, u := range w.users() {
		if *u.caller, err = w.makeUser(name, u.role); err != nil {
			return err
		}
	}
	return nil
}

// close takes everything away that the cases made.
func (w *world) close() error {
	var wrong []string
	note := func(a answer, err error) {
		if err != nil {
			wrong = append(wrong, err.Error())
		} else if a.status != http.StatusOK && a.status != http.StatusNotFound {
			wrong = append(wrong, a.String())
		}
	}
	if len(w.keys) > 0 {
		note(w.send(w.admin, http.MethodDelete, "/_security/api_key", object{"ids": w.keys}))
	}
	for name := range w.users() {
		note(w.send(w.admin, http.MethodDelete, "/_security/user/"+w.prefix+"-"+name, nil))
		note(w.send(w.admin, http.MethodDelete, "/_security/role/"+w.prefix+"-"+name, nil))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("cleaning up: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// A sharedUser is one of the world's users and what he may do.
type sharedUser struct {
	caller *caller
	role   object
}

func (w *world) users() map[string]sharedUser {
	return map[string]sharedUser{
		"creator": {&w.creator, creatorRole},
		"other":   {&w.other, creatorRole},
		"manager": {&w.manager, object{"cluster": list{"manage_api_key"}}},
		"reader":  {&w.reader, object{"cluster": list{"read_security"}}},
		"nobody":  {&w.nobody, object{}},
	}
}

// send sends a request to Elasticsearch as the caller.
func (w *world) send(c caller, method, path string, body any) (answer, error) {
	header := http.Header{}
	if c.authorization != "" {
		header.Set("Authorization", c.authorization)
	}
	if c.runAs != "" {
		header.Set("Es-Security-Runas-User", c.runAs)
	}
	return call(method, w.elasticsearch+path, header, body)
}

// makeUser makes a native user and a role of his own, both named after the
// run and the name.
func (w *world) makeUser(name string, role object) (caller, error) {
	name = w.prefix + "-" + name
	if err := w.putRole(name, role); err != nil {
		return caller{}, err
	}
	password := rand.Text()
	a, err := w.send(w.admin, http.MethodPut, "/_security/user/"+name, object{"password": password, "roles": list{name}})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s", a)
	}
	return basic(name, password), err
}

func (w *world) putRole(name string, role object) error {
	a, err := w.send(w.admin, http.MethodPut, "/_security/role/"+name, role)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s", a)
	}
	return err
}

// forget has the key invalidated at the end.
func (w *world) forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = append(w.keys, id)
}

func basic(username, password string) caller {
	return caller{username: username, authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))}
}

func bearer(username, token string) caller {
	return caller{username: username, authorization: "Bearer " + token}
}

// caller is the identity of one who presents the key.
func (k key) caller() caller {
	return caller{authorization: "ApiKey " + k.encoded}
}

// atLeast tells whether the server is of that version or a later one.
func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}
