package networkfaults_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// issued are the keys that Kibana has made in a world, also those whose answer never reached the provider, and the secrets
// of it all.
type issued struct {
	acctest.Secrets

	mu   sync.Mutex
	keys []issuedKey
	// pending counts the requests for a key of each name that Kibana is about to answer.
	pending map[string]int
}

type issuedKey struct{ id, name, encoded string }

// watch notes every key that Kibana makes from now on.
func watch(w *acctest.World) *issued {
	s := &issued{pending: map[string]int{}}
	s.AddBasic("the password", w.Username, w.Password)
	toCreate := fakestack.To("POST", "/api/apm/agent_keys")
	w.Stack.Kibana.Inject(fakestack.Hook(func(r *http.Request) { s.count(r, 1) }).On(toCreate))
	w.Stack.Kibana.Inject(fakestack.Hook(func(r *http.Request) { s.count(r, -1) }).After().On(toCreate))
	w.Stack.Kibana.Inject(fakestack.RewriteBody(func(body map[string]any) {
		answer, _ := body["agentKey"].(map[string]any)
		var key issuedKey
		key.id, _ = answer["id"].(string)
		key.name, _ = answer["name"].(string)
		key.encoded, _ = answer["encoded"].(string)
		s.AddKey("key "+key.id, key.encoded)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = append(s.keys, key)
	}).On(toCreate))
	return s
}

// settle waits until Kibana has answered every request for a key of the name. A client that has gone does not stop it.
func (s *issued) settle(t *testing.T, name string) {
	t.Helper()
	for range 2000 {
		s.mu.Lock()
		pending := s.pending[name]
		s.mu.Unlock()
		if pending == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("Kibana does not come to an end with %s", name)
}

// named returns the ids of the keys of a name.
func (s *issued) named(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, key := range s.keys {
		if key.name == name {
			ids = append(ids, key.id)
		}
	}
	return ids
}

// encoded returns what agents send for the key.
func (s *issued) encoded(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[slices.IndexFunc(s.keys, func(key issuedKey) bool { return key.id == id })].encoded
}

// mustBeAll fails the test if the server has a key that was not noted.
func (s *issued) mustBeAll(t *testing.T, w *acctest.World) {
	t.Helper()
	for _, key := range w.OwnKeys(t) {
		if !slices.Contains(s.named(key.Name), key.ID) {
			t.Errorf("the test has missed the creation of key %s", key.ID)
		}
	}
}

func (s *issued) count(r *http.Request, change int) {
	var body struct {
		Name string `json:"name"`
	}
	// What is no request for a key makes none.
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[body.Name] += change
}
