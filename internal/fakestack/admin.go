package fakestack

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// pageSize is how many keys Keys asks for at a time.
const pageSize = 1000

// ErrKeyNotFound is returned for a key that the server does not have, or no longer.
var ErrKeyNotFound = errors.New("no such API key")

// Credentials are what a request authenticates with: one of the three.
type Credentials struct {
	Username, Password string
	// APIKey is the encoded form, base64 of id:key.
	APIKey string
	Bearer string
}

// APIKey is a created key with its secret.
type APIKey struct {
	ID      string `json:"id"`
	Key     string `json:"api_key"`
	Encoded string `json:"encoded"`
}

// KeyRecord is an API key as the server holds it, without its secret.
type KeyRecord struct {
	ID, Name, Type  string
	Username, Realm string
	Invalidated     bool
	Creation        time.Time
	// Expiration is the zero time for a key that never expires.
	Expiration time.Time
	Metadata   map[string]any
	// Privileges are those on the application apm, as the role descriptors list them.
	Privileges []string
}

// refusedError is an answer with another status than asked for. It leaves out the body, which may
// repeat what was sent.
type refusedError struct {
	method, path string
	status       int
	reason       string
}

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.method, e.path, e.status, e.reason)
}

// Keys returns all agent keys, the dead ones too, in the order of their creation. Like all calls
// below it goes to the product directly, past the front.
func (s *Stack) Keys(ctx context.Context) ([]KeyRecord, error) {
	var keys []KeyRecord
	seen := map[string]bool{}
	query := map[string]any{
		"query": map[string]any{"term": map[string]any{"metadata.application": "apm"}},
		"size":  pageSize,
		"sort":  []any{"creation"},
	}
	for {
		var page struct {
			Keys []keyDocument `json:"api_keys"`
		}
		if err := s.call(ctx, s.administrator(), http.MethodPost, "/_security/_query/api_key", query, &page); err != nil {
			return nil, err
		}
		before := len(keys)
		for _, document := range page.Keys {
			if key := document.record(); !seen[key.ID] {
				seen[key.ID] = true
				keys = append(keys, key)
			}
		}
		if len(page.Keys) < pageSize || len(keys) == before {
			return keys, nil
		}
		// Keys of one millisecond may lie on both sides of a page's end, so the last one is asked for again.
		query["search_after"] = []any{keys[len(keys)-1].Creation.UnixMilli() - 1}
	}
}

// Key returns one key, or ErrKeyNotFound.
func (s *Stack) Key(ctx context.Context, id string) (KeyRecord, error) {
	var answer struct {
		Keys []keyDocument `json:"api_keys"`
	}
	err := s.call(ctx, s.administrator(), http.MethodGet, "/_security/api_key?id="+url.QueryEscape(id), nil, &answer)
	if status, refused := refusal(err); refused && status == http.StatusNotFound {
		return KeyRecord{}, ErrKeyNotFound
	}
	if err != nil {
		return KeyRecord{}, err
	}
	return answer.Keys[0].record(), nil
}

// Invalidate ends a key, as if behind Terraform's back.
func (s *Stack) Invalidate(ctx context.Context, id string) error {
	var answer struct {
		Invalidated []string `json:"invalidated_api_keys"`
	}
	body := map[string]any{"ids": []string{id}}
	if err := s.call(ctx, s.administrator(), http.MethodDelete, "/_security/api_key", body, &answer); err != nil {
		return err
	}
	if len(answer.Invalidated) != 1 {
		return ErrKeyNotFound
	}
	return nil
}

// CreateAPIKey creates a key in Elasticsearch, not through Kibana.
func (s *Stack) CreateAPIKey(ctx context.Context, as Credentials, body any) (APIKey, error) {
	var key APIKey
	err := s.call(ctx, as, http.MethodPost, "/_security/api_key", body, &key)
	return key, err
}

// Update changes a key as its owner.
func (s *Stack) Update(ctx context.Context, as Credentials, id string, body any) error {
	return s.call(ctx, as, http.MethodPut, "/_security/api_key/"+url.PathEscape(id), body, nil)
}

// Authenticates reports whether an encoded key authenticates. A server that cannot be asked counts as no.
func (s *Stack) Authenticates(ctx context.Context, encoded string) bool {
	return s.call(ctx, Credentials{APIKey: encoded}, http.MethodGet, "/_security/_authenticate", nil, nil) == nil
}

// HasPrivileges asks with an encoded key which privileges it holds, as APM Server does (contract D).
func (s *Stack) HasPrivileges(ctx context.Context, encoded string, privileges ...string) (map[string]bool, error) {
	var answer struct {
		Application map[string]map[string]map[string]bool `json:"application"`
	}
	body := map[string]any{"application": []ApplicationPrivileges{{
		Application: "apm", Privileges: privileges, Resources: []string{"-"},
	}}}
	err := s.call(ctx, Credentials{APIKey: encoded}, http.MethodPost, "/_security/user/_has_privileges", body, &answer)
	return answer.Application["apm"]["-"], err
}

// keyDocument is a key in Elasticsearch's JSON.
type keyDocument struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Type        string         `json:"type"`
	Username    string         `json:"username"`
	Realm       string         `json:"realm"`
	Invalidated bool           `json:"invalidated"`
	Creation    int64          `json:"creation"`
	Expiration  *int64         `json:"expiration"`
	Metadata    map[string]any `json:"metadata"`
	Descriptors map[string]struct {
		Applications []ApplicationPrivileges `json:"applications"`
	} `json:"role_descriptors"`
}

func (d keyDocument) record() KeyRecord {
	record := KeyRecord{
		ID: d.ID, Name: d.Name, Type: d.Type, Username: d.Username, Realm: d.Realm,
		Invalidated: d.Invalidated, Creation: time.UnixMilli(d.Creation).UTC(), Metadata: d.Metadata,
	}
	if d.Expiration != nil {
		record.Expiration = time.UnixMilli(*d.Expiration).UTC()
	}
	for _, descriptor := range d.Descriptors {
		for _, entry := range descriptor.Applications {
			if entry.Application == "apm" {
				record.Privileges = append(record.Privileges, entry.Privileges...)
			}
		}
	}
	return record
}

func (s *Stack) administrator() Credentials {
	return Credentials{Username: s.options.Username, Password: s.options.Password}
}

// call sends one request to Elasticsearch, past the front, and decodes the answer into target.
func (s *Stack) call(ctx context.Context, as Credentials, method, path string, body, target any) error {
	encoded := []byte{}
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.direct+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("building a request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	as.authorize(request)
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return newRefusal(method, request.URL.Path, response.StatusCode, answer)
	}
	if target == nil {
		return nil
	}
	return json.Unmarshal(answer, target)
}

func (c Credentials) authorize(request *http.Request) {
	switch {
	case c.APIKey != "":
		request.Header.Set("Authorization", "ApiKey "+c.APIKey)
	case c.Bearer != "":
		request.Header.Set("Authorization", "Bearer "+c.Bearer)
	default:
		request.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
	}
}

func newRefusal(method, path string, status int, answer []byte) error {
	var document struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	// The reason is a help, no more: not every refusal has one.
	_ = json.Unmarshal(answer, &document)
	return &refusedError{method: method, path: path, status: status, reason: document.Error.Reason}
}

// refusal returns the status of an answer that call refused.
func refusal(err error) (int, bool) {
	refused := (*refusedError)(nil)
	if !errors.As(err, &refused) {
		return 0, false
	}
	return refused.status, true
}
