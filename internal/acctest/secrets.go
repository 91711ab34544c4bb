package acctest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shortest is the length, in bytes, of the shortest half of a secret that is looked for.
const shortest = 8

// Secrets are what a run must not show. It finds them in every form in which programs write text: as they are, in base64,
// escaped for a URL, for JSON or as a Go string, and each of these cut in half. The zero value knows none. It is safe for
// concurrent use.
type Secrets struct {
	mu sync.Mutex
	// forms are what is looked for, and what each of them is called.
	forms map[string]string
}

// Add makes a secret known under a name that can be shown.
func (s *Secrets) Add(name, secret string) {
	if secret == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(name, secret)
	for form, text := range map[string]string{
		"base64": unpadded(base64.StdEncoding, secret), "base64 for URLs": unpadded(base64.URLEncoding, secret),
		"escaped for a query": url.QueryEscape(secret), "escaped for a path": url.PathEscape(secret),
		"as JSON": inJSON(secret, true), "as JSON without HTML": inJSON(secret, false),
		"as JSON in JSON": inJSON(inJSON(secret, true), true), "as a Go string": inQuotes(strconv.Quote(secret)),
	} {
		s.add(name+", "+form, text)
	}
}

// AddBasic makes a password known, and what basic authentication makes of it.
func (s *Secrets) AddBasic(name, username, password string) {
	s.Add(name, password)
	s.Add(name+" with its user", base64.StdEncoding.EncodeToString([]byte(username+":"+password)))
}

// AddKey makes the secret of an API key known, given in its encoded form, base64 of "id:api_key".
func (s *Secrets) AddKey(name, encoded string) {
	s.Add(name+", encoded", encoded)
	if pair, err := base64.StdEncoding.DecodeString(encoded); err == nil {
		_, apiKey, _ := strings.Cut(string(pair), ":")
		s.Add(name+", api_key", apiKey)
	}
}

// In returns the names of the forms of secrets that the text holds, sorted. Only names: the texts are secret.
func (s *Secrets) In(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]bool{}
	for form, name := range s.forms {
		if strings.Contains(text, form) {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// add makes one form known, whole and by its halves.
func (s *Secrets) add(name, form string) {
	if s.forms == nil {
		s.forms = map[string]string{}
	}
	half := len(form) / 2
	texts := []struct{ name, text string }{{name, form}}
	if half >= shortest {
		texts = append(texts, struct{ name, text string }{name + ", first half", form[:half]}, struct{ name, text string }{name + ", last half", form[half:]})
	}
	for _, t := range texts {
		if _, known := s.forms[t.text]; !known {
			s.forms[t.text] = t.name
		}
	}
}

// unpadded is the encoding as far as it depends on the text alone: without padding.
func unpadded(encoding *base64.Encoding, text string) string {
	return encoding.WithPadding(base64.NoPadding).EncodeToString([]byte(text))
}

// inJSON is the text inside of a JSON string.
func inJSON(text string, html bool) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	if err := encoder.Encode(text); err != nil {
		panic(err) // A string can always be encoded.
	}
	return inQuotes(strings.TrimSpace(b.String()))
}

func inQuotes(quoted string) string { return quoted[1 : len(quoted)-1] }
