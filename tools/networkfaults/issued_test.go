package networkfaults_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// issued are the keys that Kibana has made in a world, also those whose answer never reached the provider, and the secrets
// of it all.
type issued struct {
	acctest.Secrets

	mu   sync.Mutex
	keys []issuedKey
}

type issuedKey struct{ id, name, encoded string }

// watch notes every key that Kibana makes from now on.
func watch(w *acctest.World) *issued {
	s := &issued{}
	s.AddBasic("the password", w.Username, w.Password)
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
	}).On(fakestack.To("POST", "/api/apm/agent_keys")))
	return s
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
