package elasticsearch

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// refreshInterval is after how long a key created with refresh=false can be seen.
const refreshInterval = time.Second

// apiKey is an API key as the server stores it.
type apiKey struct {
	id     string
	name   string
	secret [sha256.Size]byte
	// expiration and invalidation are nil until they are set.
	creation     time.Time
	expiration   *time.Time
	invalidated  bool
	invalidation *time.Time
	username     string
	realm        realm
	metadata     map[string]any
	descriptors  map[string]descriptor
	// limitedBy are the owner's roles when the key was created or last changed.
	limitedBy map[string]descriptor
	// visible is when a search finds the key at the latest; refreshed when one does already.
	visible   time.Time
	refreshed bool
}

func (k *apiKey) expired(now time.Time) bool { return k.expiration != nil && !k.expiration.After(now) }

// creator is the identity under which the key acts, even when the user is gone (contract E).
func (k *apiKey) creator() *user {
	return &user{Name: k.username, Roles: []string{}, Metadata: map[string]any{}, Enabled: true, realm: k.realm}
}

// document is the key as GET and _query return it (contract B2).
func (k *apiKey) document(withLimitedBy bool) map[string]any {
	document := map[string]any{
		"id": k.id, "name": k.name, "type": "rest", "creation": k.creation.UnixMilli(), "invalidated": k.invalidated,
		"username": k.username, "realm": k.realm.Name, "realm_type": k.realm.Type,
		"metadata": k.metadata, "role_descriptors": k.descriptors,
	}
	if k.expiration != nil {
		document["expiration"] = k.expiration.UnixMilli()
	}
	if k.invalidation != nil {
		document["invalidation"] = k.invalidation.UnixMilli()
	}
	if withLimitedBy {
		document["limited_by"] = []any{k.limitedBy}
	}
	return document
}

// keyRequest is the body of a create or an update.
type keyRequest struct {
	name *string
	// life is how long the key lives from now on; nil when nothing is said of it.
	life        *duration
	metadata    map[string]any
	descriptors map[string]descriptor
}

// createKey is PUT or POST /_security/api_key (contract B1).
func (s *Server) createKey(c *call) (result, error) {
	request, err := parseKeyRequest("api_key_request", c.body, true)
	if err != nil {
		return result{}, err
	}
	refresh := c.parameter("refresh")
	if _, given := c.query["refresh"]; given && refresh != "" && refresh != "true" && refresh != "false" && refresh != "wait_for" {
		return result{}, illegalArgument("Unknown value for refresh: [%s].", refresh)
	}
	problems := slices.Concat(nameProblems(*request.name), metadataProblems(request.metadata), descriptorProblems(request.descriptors))
	if err := validationFailure(problems); err != nil {
		return result{}, err
	}
	if err := s.authorize(c, true); err != nil {
		return result{}, err
	}
	if c.caller.key != nil && grantsAnything(request.descriptors) {
		return result{}, illegalArgument("creating derived api keys requires an explicit role descriptor that is empty (has no privileges)")
	}
	secret := randomText(16)
	now := s.now()
	key := &apiKey{
		id: randomText(15), name: *request.name, secret: sha256.Sum256([]byte(secret)), creation: now,
		username: c.caller.user.Name, realm: c.caller.realm(),
		metadata: request.metadata, descriptors: request.descriptors, limitedBy: s.snapshot(c.caller),
		visible: now.Add(refreshInterval),
	}
	if key.metadata == nil {
		key.metadata = map[string]any{}
	}
	if key.descriptors == nil {
		key.descriptors = map[string]descriptor{}
	}
	answer := map[string]any{
		"id": key.id, "name": key.name, "api_key": secret,
		"encoded": base64.StdEncoding.EncodeToString([]byte(key.id + ":" + secret)),
	}
	if request.life != nil {
		if key.expiration, err = request.life.after(now); err != nil {
			return result{}, err
		}
		answer["expiration"] = key.expiration.UnixMilli()
	}
	s.keys[key.id] = key
	s.order = append(s.order, key.id)
	if refresh != "false" {
		s.refresh()
	}
	return result{body: answer, refreshed: refresh != "false"}, nil
}

// updateKey is PUT /_security/api_key/{id}: for the user who owns the key alone (contract B5 and E).
func (s *Server) updateKey(c *call) (result, error) {
	request, err := parseKeyRequest("update_api_key_request_payload", c.body, false)
	if err != nil {
		return result{}, err
	}
	problems := slices.Concat(metadataProblems(request.metadata), descriptorProblems(request.descriptors))
	if request.life != nil && !request.life.positive {
		problems = append(problems, "API key expiration must be in the future")
	}
	if err := validationFailure(problems); err != nil {
		return result{}, err
	}
	if err := s.authorize(c, true); err != nil {
		return result{}, err
	}
	if c.caller.key != nil {
		return result{}, illegalArgument("authentication via API key not supported: only the owner user can update an API key")
	}
	key := s.keys[c.name]
	switch {
	case key == nil || !c.caller.owns(key):
		return result{}, &apiError{
			status: http.StatusNotFound, kind: "resource_not_found_exception",
			reason: "no API key owned by requesting user found for ID [" + c.name + "]",
		}
	case key.invalidated:
		return result{}, illegalArgument("cannot update invalidated API key [%s]", key.id)
	case key.expired(s.now()):
		return result{}, illegalArgument("cannot update expired API key [%s]", key.id)
	}
	changed := *key
	if request.life != nil {
		if changed.expiration, err = request.life.after(s.now()); err != nil {
			return result{}, err
		}
	}
	if request.metadata != nil {
		changed.metadata = request.metadata
	}
	if request.descriptors != nil {
		changed.descriptors = request.descriptors
	}
	changed.limitedBy = s.snapshot(c.caller)
	if changed.same(key) {
		return result{body: map[string]bool{"updated": false}}, nil
	}
	*key = changed
	s.refresh()
	return result{body: map[string]bool{"updated": true}, refreshed: true}, nil
}

// same tells an update that changes nothing.
func (k *apiKey) same(other *apiKey) bool {
	sameEnd := (k.expiration == nil) == (other.expiration == nil) &&
		(k.expiration == nil || k.expiration.Equal(*other.expiration))
	return sameEnd && reflect.DeepEqual(k.metadata, other.metadata) &&
		equalDescriptors(k.descriptors, other.descriptors) && equalDescriptors(k.limitedBy, other.limitedBy)
}

// snapshot is what a key of the caller is limited by.
func (s *Server) snapshot(c subject) map[string]descriptor {
	if c.key != nil {
		return map[string]descriptor{}
	}
	return s.rolesOf(c.user)
}

// refresh makes every key visible to searches.
func (s *Server) refresh() {
	for _, key := range s.keys {
		key.refreshed = true
	}
}

// parseKeyRequest reads the body of a create, or of an update when create is false.
func parseKeyRequest(parser string, body []byte, create bool) (keyRequest, error) {
	var request keyRequest
	if len(body) == 0 && !create {
		return request, nil
	}
	fields, failure := objectFields(parser, body)
	if failure != nil {
		return request, failure
	}
	for field, value := range fields {
		switch {
		case field == "name" && create:
			failure = decodeField(parser, field, value, &request.name)
		case field == "expiration":
			request.life, failure = parseExpiration(parser, value, create)
		case field == "metadata":
			failure = decodeField(parser, field, value, &request.metadata)
		case field == "role_descriptors":
			request.descriptors, failure = parseDescriptors(parser, value)
		default:
			failure = parseFailure("[1:1] [%s] unknown field [%s]", parser, field)
		}
		if failure != nil {
			return request, failure
		}
	}
	if create && request.name == nil {
		return request, illegalArgument("Required [name]")
	}
	return request, nil
}

func parseExpiration(parser string, value json.RawMessage, create bool) (*duration, *apiError) {
	var text string
	if failure := decodeField(parser, "expiration", value, &text); failure != nil {
		return nil, failure
	}
	life, cause := parseDuration("expiration", text)
	if cause == nil {
		return &life, nil
	}
	failure := parseFailure("Failed to build [%s] after last required field arrived", parser)
	failure.cause = cause
	if create {
		failure = fieldFailure(parser, "expiration", failure)
	}
	return nil, failure
}

// nameProblems applies the rules for names (contract B1): Elasticsearch counts UTF-16 units and
// takes every character up to U+0020 for a blank.
func nameProblems(name string) []string {
	if name == "" {
		return []string{"api key name is required"}
	}
	var problems []string
	if len(utf16.Encode([]rune(name))) > 256 {
		problems = append(problems, "api key name may not be more than 256 characters long")
	}
	if strings.TrimFunc(name, func(r rune) bool { return r <= ' ' }) != name {
		problems = append(problems, "api key name may not begin or end with whitespace")
	}
	if strings.HasPrefix(name, "_") {
		problems = append(problems, "api key name may not begin with an underscore")
	}
	return problems
}

func metadataProblems(metadata map[string]any) []string {
	for name := range metadata {
		if strings.HasPrefix(name, "_") {
			return []string{"API key metadata keys may not start with [_]"}
		}
	}
	return nil
}

// grantsAnything reports whether descriptors are more than explicitly empty ones.
func grantsAnything(descriptors map[string]descriptor) bool {
	for _, entry := range descriptors {
		if !entry.empty() {
			return true
		}
	}
	return len(descriptors) == 0
}
