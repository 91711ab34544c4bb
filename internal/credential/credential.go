// Package credential describes who a client says it is.
package credential

import (
	"encoding/base64"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// Kind is the way a credential authenticates.
type Kind int

// The kinds of credentials that Kibana and Elasticsearch take (contract A5).
const (
	None Kind = iota
	Basic
	Bearer
	APIKey
)

// cloudPrefix starts an Elastic Cloud API key, which is sent as it is (contract A5).
const cloudPrefix = "essu_"

// Credential is one way to authenticate. The zero value authenticates as nobody.
type Credential struct {
	kind     Kind
	username string
	secret   secret.Text
}

// NewBasic is a user name with its password.
func NewBasic(username string, password secret.Text) Credential {
	return Credential{kind: Basic, username: username, secret: password}
}

// NewBearer is an access token or a JWT.
func NewBearer(token secret.Text) Credential {
	return Credential{kind: Bearer, secret: token}
}

// NewAPIKey is an Elasticsearch API key in its encoded form, base64 of "id:api_key", or an Elastic Cloud API key.
func NewAPIKey(key secret.Text) Credential {
	return Credential{kind: APIKey, secret: key}
}

// Kind returns the way the credential authenticates.
func (c Credential) Kind() Kind { return c.kind }

// Username returns the user name of a Basic credential and "" for every other, whose user only the server knows.
func (c Credential) Username() string { return c.username }

// Authorization returns the value of the Authorization header, or a zero Text for None.
func (c Credential) Authorization() secret.Text {
	switch c.kind {
	case Basic:
		pair := c.username + ":" + c.secret.Reveal()
		return secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(pair)))
	case Bearer:
		return secret.New("Bearer " + c.secret.Reveal())
	case APIKey:
		return secret.New("ApiKey " + c.secret.Reveal())
	case None:
	}
	return secret.Text{}
}

// Secrets returns every form of the secret that an echoing server could send back.
func (c Credential) Secrets() []secret.Text {
	_, encoded, _ := strings.Cut(c.Authorization().Reveal(), " ")
	secrets := []secret.Text{c.secret, secret.New(encoded)}
	if _, apiKey, ok := SplitAPIKey(c.secret.Reveal()); ok && c.kind == APIKey {
		secrets = append(secrets, secret.New(apiKey))
	}
	return secrets
}

// IsElasticsearchAPIKey reports whether the credential is, by its form, an Elasticsearch API key. Such a key can never
// create an agent key (contract A5, the derived-key rule). An Elastic Cloud API key is none.
func (c Credential) IsElasticsearchAPIKey() bool {
	if c.kind != APIKey || c.IsCloudAPIKey() {
		return false
	}
	_, _, ok := SplitAPIKey(c.secret.Reveal())
	return ok
}

// IsCloudAPIKey reports whether the credential is, by its form, an Elastic Cloud API key.
func (c Credential) IsCloudAPIKey() bool {
	return c.kind == APIKey && strings.HasPrefix(c.secret.Reveal(), cloudPrefix)
}

// SplitAPIKey takes an encoded API key, base64 of "id:api_key" (contract B1), apart.
func SplitAPIKey(encoded string) (id, apiKey string, ok bool) {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	id, apiKey, ok = strings.Cut(string(decoded), ":")
	if !ok || id == "" || apiKey == "" {
		return "", "", false
	}
	return id, apiKey, true
}
