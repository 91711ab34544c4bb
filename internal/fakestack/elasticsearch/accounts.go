package elasticsearch

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// tokenLife is the default life of a bearer token (contract E).
const tokenLife = 1200 * time.Second

// storedPrivilege is a name that an application gives to actions.
type storedPrivilege struct {
	Application string         `json:"application"`
	Name        string         `json:"name"`
	Actions     []string       `json:"actions"`
	Metadata    map[string]any `json:"metadata"`
}

// putPrivileges is PUT /_security/privilege, by which Kibana registers its features.
func (s *Server) putPrivileges(c *call) (result, error) {
	var request map[string]map[string]storedPrivilege
	if err := json.Unmarshal(c.body, &request); err != nil {
		return result{}, parseFailure("failed to parse application privileges")
	}
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	created := map[string]map[string]map[string]bool{}
	for application, privileges := range request {
		created[application] = map[string]map[string]bool{}
		if s.privileges[application] == nil {
			s.privileges[application] = map[string]storedPrivilege{}
		}
		for name, privilege := range privileges {
			if len(privilege.Actions) == 0 {
				return result{}, validationFailure([]string{"Application privileges must have at least one action"})
			}
			_, exists := s.privileges[application][name]
			created[application][name] = map[string]bool{"created": !exists}
			s.privileges[application][name] = privilege
		}
	}
	return result{body: created}, nil
}

// putRole is PUT /_security/role/{name}.
func (s *Server) putRole(c *call) (result, error) {
	role, failure := parseDescriptor(c.name, c.body)
	if failure != nil {
		return result{}, failure
	}
	previous, exists := s.roles[c.name]
	problems := descriptorProblems(map[string]descriptor{c.name: role})
	if previous.Metadata["_reserved"] == true {
		problems = append(problems, "Role ["+c.name+"] is reserved and may not be used.")
	}
	if err := validationFailure(problems); err != nil {
		return result{}, err
	}
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	s.roles[c.name] = role
	return result{body: map[string]any{"role": map[string]bool{"created": !exists}}}, nil
}

// getRole is GET /_security/role/{name}.
func (s *Server) getRole(c *call) (result, error) {
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	role, found := s.roles[c.name]
	if !found {
		return result{status: http.StatusNotFound, body: map[string]any{}}, nil
	}
	return result{body: map[string]descriptor{c.name: role}}, nil
}

// deleteRole is DELETE /_security/role/{name}.
func (s *Server) deleteRole(c *call) (result, error) {
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	if s.roles[c.name].Metadata["_reserved"] == true {
		return result{}, illegalArgument("role [%s] is reserved and cannot be deleted", c.name)
	}
	_, found := s.roles[c.name]
	delete(s.roles, c.name)
	return deleted(found), nil
}

// putUser is PUT /_security/user/{name}, of the native realm.
func (s *Server) putUser(c *call) (result, error) {
	var request struct {
		Password *string        `json:"password"`
		Roles    []string       `json:"roles"`
		FullName *string        `json:"full_name"`
		Email    *string        `json:"email"`
		Metadata map[string]any `json:"metadata"`
		Enabled  *bool          `json:"enabled"`
	}
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return result{}, badRequest("parse_exception", "failed to parse add user request. %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if request.Roles == nil {
		return result{}, validationFailure([]string{"roles are missing"})
	}
	if request.Password != nil && len(*request.Password) < 6 {
		return result{}, badRequest("validation_exception", "Validation Failed: 1: passwords must be at least [6] characters long;")
	}
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	account := &user{
		Name: c.name, Roles: request.Roles, FullName: request.FullName, Email: request.Email,
		Metadata: request.Metadata, Enabled: request.Enabled == nil || *request.Enabled, realm: nativeRealm,
	}
	if account.Metadata == nil {
		account.Metadata = map[string]any{}
	}
	previous, exists := s.users[c.name]
	switch {
	case request.Password != nil:
		account.password = sha256.Sum256([]byte(*request.Password))
	case exists:
		account.password = previous.password
	default:
		return result{}, badRequest("validation_exception", "Validation Failed: 1: password must be specified unless you are updating an existing user;")
	}
	s.users[c.name] = account
	return result{body: map[string]bool{"created": !exists}}, nil
}

// getUser is GET /_security/user/{name}.
func (s *Server) getUser(c *call) (result, error) {
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	account := s.users[c.name]
	if account == nil {
		return result{status: http.StatusNotFound, body: map[string]any{}}, nil
	}
	return result{body: map[string]*user{c.name: account}}, nil
}

// deleteUser is DELETE /_security/user/{name}. The user's API keys stay alive (contract E).
func (s *Server) deleteUser(c *call) (result, error) {
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	account := s.users[c.name]
	if account != nil && account.realm != nativeRealm {
		return deleted(false), nil
	}
	delete(s.users, c.name)
	return deleted(account != nil), nil
}

// createToken is POST /_security/oauth2/token with grant_type password.
func (s *Server) createToken(c *call) (result, error) {
	var request struct {
		GrantType string `json:"grant_type"`
		Username  string `json:"username"`
		Password  string `json:"password"`
	}
	if err := json.Unmarshal(c.body, &request); err != nil {
		return result{}, parseFailure("failed to parse token request")
	}
	if request.GrantType != "password" {
		return result{}, validationFailure([]string{"grant_type only supports the values: [password]"})
	}
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	if !s.trial {
		failure := forbidden("current license is non-compliant for [security tokens]")
		failure.extra = map[string]any{"license.expired.feature": "security tokens"}
		return result{}, failure
	}
	account := s.users[request.Username]
	if account == nil || !account.Enabled || account.password != sha256.Sum256([]byte(request.Password)) {
		return result{}, unauthorized("unable to authenticate user ["+request.Username+"] for action ["+actionCreateToken+"]", nil)
	}
	value := randomText(32)
	s.tokens[sha256.Sum256([]byte(value))] = &token{user: account, expires: s.now().Add(tokenLife)}
	return result{body: map[string]any{
		"access_token": value, "type": "Bearer", "expires_in": int(tokenLife.Seconds()), "refresh_token": randomText(32),
		"authentication": map[string]any{
			"username": account.Name, "roles": account.Roles, "full_name": account.FullName, "email": account.Email,
			"metadata": account.Metadata, "enabled": account.Enabled,
			"authentication_realm": account.realm, "lookup_realm": account.realm, "authentication_type": "realm",
		},
	}}, nil
}

func deleted(found bool) result {
	if !found {
		return result{status: http.StatusNotFound, body: map[string]bool{"found": false}}
	}
	return result{body: map[string]bool{"found": true}}
}

// randomText returns n random bytes in url-safe base64 without padding.
func randomText(n int) string {
	random := make([]byte, n)
	// Read never fails: the package ends the program instead.
	_, _ = rand.Read(random)
	return base64.RawURLEncoding.EncodeToString(random)
}
