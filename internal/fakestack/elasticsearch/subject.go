package elasticsearch

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// realm is where an identity comes from.
type realm struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

var (
	fileRealm   = realm{Name: "default_file", Type: "file"}
	nativeRealm = realm{Name: "default_native", Type: "native"}
	keyRealm    = realm{Name: "_es_api_key", Type: "_es_api_key"}
)

// user is an account that authenticates with a password.
type user struct {
	Name     string         `json:"username"`
	Roles    []string       `json:"roles"`
	FullName *string        `json:"full_name"`
	Email    *string        `json:"email"`
	Metadata map[string]any `json:"metadata"`
	Enabled  bool           `json:"enabled"`

	realm    realm
	password [sha256.Size]byte
}

// token is a bearer token of a user.
type token struct {
	user    *user
	expires time.Time
}

// subject is who a request comes from.
type subject struct {
	// user is the caller, or for an API key the user who created it.
	user *user
	// key is set when the caller authenticated with an API key.
	key *apiKey
	// token tells that the caller authenticated with a bearer token.
	token bool
	// by runs as user; nil when nobody does.
	by *subject
	// refusedRunAs is whom the caller wanted to run as, but may not.
	refusedRunAs string
}

// realm is where the caller authenticated.
func (c subject) realm() realm {
	if c.key != nil {
		return keyRealm
	}
	return c.user.realm
}

// owns reports whether the caller is the user who created the key. An API key owns none (contract B2).
func (c subject) owns(key *apiKey) bool {
	return c.key == nil && c.user.Name == key.username && c.user.realm.Name == key.realm.Name
}

// describe names the caller as a 403 does.
func (s *Server) describe(c subject) string {
	if c.key != nil {
		return fmt.Sprintf("API key id [%s] of user [%s]", c.key.id, c.key.username)
	}
	var known, unknown []string
	for _, name := range sorted(c.user.Roles) {
		if _, found := s.roles[name]; found {
			known = append(known, name)
		} else {
			unknown = append(unknown, name)
		}
	}
	text := fmt.Sprintf("user [%s]", c.user.Name)
	if c.by != nil {
		text = fmt.Sprintf("user [%s] run as [%s]", c.by.user.Name, c.user.Name)
	}
	text += fmt.Sprintf(" with effective roles [%s]", strings.Join(known, ","))
	if len(unknown) > 0 {
		text += fmt.Sprintf(" (assigned roles [%s] were not found)", strings.Join(unknown, ","))
	}
	return text
}

// limits returns sets of roles, all of which must allow what the caller does: a user's own roles,
// or an API key's descriptors and its owner's at the time of its last change (contract A5).
func (s *Server) limits(c subject) []map[string]descriptor {
	if c.key == nil {
		return []map[string]descriptor{s.rolesOf(c.user)}
	}
	if len(c.key.descriptors) == 0 {
		return []map[string]descriptor{c.key.limitedBy}
	}
	return []map[string]descriptor{c.key.descriptors, c.key.limitedBy}
}

func (s *Server) rolesOf(u *user) map[string]descriptor {
	roles := map[string]descriptor{}
	for _, name := range u.Roles {
		if role, found := s.roles[name]; found {
			roles[name] = role
		}
	}
	return roles
}

// allowed asks every limit of the caller.
func (s *Server) allowed(c subject, accept func(map[string]descriptor) bool) bool {
	return !slices.ContainsFunc(s.limits(c), func(roles map[string]descriptor) bool { return !accept(roles) })
}

// can reports whether the caller may do an action; own tells that it touches only what is his.
func (s *Server) can(c subject, action string, own bool) bool {
	return s.allowed(c, func(roles map[string]descriptor) bool { return grantsAction(roles, action, own) })
}

// authorize refuses what the caller may not do, in Elasticsearch's words (contract B9); own tells
// that the call touches only what is his.
func (s *Server) authorize(c *call, own bool) error {
	if s.can(c.caller, c.action, own) {
		return nil
	}
	reason := fmt.Sprintf("action [%s] is unauthorized for %s", c.action, s.describe(c.caller))
	var granting []string
	for _, privilege := range clusterPrivileges {
		if privilege.grants(c.action, own) {
			granting = append(granting, privilege.name)
		}
	}
	if len(granting) > 0 {
		reason += fmt.Sprintf(", this action is granted by the cluster privileges [%s]", strings.Join(granting, ","))
	}
	return forbidden(reason)
}

// authenticate finds out who sends a request (contract B9 and E).
func (s *Server) authenticate(r *http.Request) (subject, error) {
	caller, err := s.credentials(r)
	if err != nil {
		return subject{}, err
	}
	runAs := r.Header.Get("es-security-runas-user")
	if runAs == "" {
		return caller, nil
	}
	mayRunAs := func(roles map[string]descriptor) bool {
		for _, role := range roles {
			if matchesAny(role.RunAs, runAs) {
				return true
			}
		}
		return false
	}
	target := s.users[runAs]
	if target == nil || !s.allowed(caller, mayRunAs) {
		caller.refusedRunAs = runAs
		return caller, nil
	}
	return subject{user: target, by: &caller}, nil
}

func (s *Server) credentials(r *http.Request) (subject, error) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	value = strings.TrimSpace(value)
	if value != "" {
		switch strings.ToLower(scheme) {
		case "basic":
			return s.basic(r, value)
		case "apikey":
			return s.apiKeyCredentials(value)
		case "bearer":
			return s.bearer(value)
		}
	}
	return subject{}, unauthorized(fmt.Sprintf("missing authentication credentials for REST request [%s]", r.URL.RequestURI()), nil)
}

func (s *Server) basic(r *http.Request, value string) (subject, error) {
	decoded, err := decodeBase64(value)
	if err != nil {
		failure := unauthorized("invalid basic authentication header encoding", nil)
		failure.cause = &apiError{kind: "illegal_argument_exception", reason: base64Problem(value)}
		return subject{}, failure
	}
	name, password, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return subject{}, unauthorized("invalid basic authentication header value", nil)
	}
	found := s.users[name]
	sum := sha256.Sum256([]byte(password))
	if found == nil || !found.Enabled || subtle.ConstantTimeCompare(sum[:], found.password[:]) != 1 {
		return subject{}, unauthorized(fmt.Sprintf("unable to authenticate user [%s] for REST request [%s]", name, r.URL.RequestURI()), nil)
	}
	return subject{user: found}, nil
}

func (s *Server) bearer(value string) (subject, error) {
	found := s.tokens[sha256.Sum256([]byte(value))]
	if found == nil {
		return subject{}, rejected("oauth2 token: invalid token")
	}
	if !found.expires.After(s.now()) {
		return subject{}, unauthorized("token expired", nil)
	}
	return subject{user: found.user, token: true}, nil
}

func (s *Server) apiKeyCredentials(value string) (subject, error) {
	refuse := func(format string, args ...any) (subject, error) {
		return subject{}, rejected("API key: " + fmt.Sprintf(format, args...))
	}
	decoded, err := decodeBase64(value)
	if err != nil {
		return refuse("%s", base64Problem(value))
	}
	id, secret, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return refuse("invalid ApiKey value")
	}
	key := s.keys[id]
	sum := sha256.Sum256([]byte(secret))
	switch {
	case key == nil:
		return refuse("unable to find apikey with id %s", id)
	case key.invalidated:
		return refuse("api key [%s] has been invalidated", id)
	case subtle.ConstantTimeCompare(sum[:], key.secret[:]) != 1:
		return refuse("invalid credentials for API key [%s]", id)
	case key.expired(s.now()):
		return refuse("api key is expired")
	}
	return subject{user: key.creator(), key: key}, nil
}

// rejected is the answer to a token or a key that is none, or no longer.
func rejected(why string) *apiError {
	return unauthorized("unable to authenticate with provided credentials and anonymous access is not allowed for this request",
		map[string]any{"additional_unsuccessful_credentials": why})
}

// decodeBase64 takes values without padding too, as Java's decoder does.
func decodeBase64(value string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
}

// base64Problem says what is wrong with a value in the words of Elasticsearch's decoder.
func base64Problem(value string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
	for i := range len(value) {
		if !strings.ContainsRune(alphabet, rune(value[i])) {
			return "Illegal base64 character " + hex.EncodeToString([]byte{value[i]})
		}
	}
	if len(value) < 2 {
		return "Input byte[] should at least have 2 bytes for base64 bytes"
	}
	return "Input byte array has wrong 4-byte ending unit"
}
