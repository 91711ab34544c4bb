package agentkey

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// Imported is an existing key. APIKey and Encoded are zero when it was found by its id: they can never be read back.
type Imported struct {
	Key     Key
	APIKey  secret.Text
	Encoded secret.Text
}

// idFormat is the form of every key's id (contract B1).
var idFormat = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)

// ErrNoKeyName refuses to import what names no key. The text is not repeated: it may be a secret given by mistake.
var ErrNoKeyName = errors.New("the import id is neither the id of a key, 20 letters, digits, - or _, nor its encoded form, base64 of id:api_key")

// Import finds the key that is named by its id or by its encoded form, base64 of "id:api_key". A secret is checked with
// the server. A key that is dead or no agent key is refused with an *UnfitError, other text with ErrNoKeyName
// before anything is sent.
func (s *Service) Import(ctx context.Context, name secret.Text) (Imported, error) {
	imported := Imported{}
	id := name.Reveal()
	// An id comes first: one in forty is also the base64 of some text with a colon.
	keyID, apiKey, encoded := credential.SplitAPIKey(id)
	if encoded = encoded && !idFormat.MatchString(id); encoded {
		id = keyID
	}
	if !idFormat.MatchString(id) {
		return Imported{}, ErrNoKeyName
	}
	if encoded {
		identity, err := s.manager.AuthenticateKey(ctx, name)
		if errors.Is(err, apierror.ErrUnauthorized) {
			return Imported{}, &UnfitError{ID: id, Reasons: []string{"Elasticsearch does not accept its secret: the key is revoked or expired, or the secret is not its own"}}
		}
		if err != nil {
			return Imported{}, err
		}
		if identity.APIKeyID != id {
			return Imported{}, &UnfitError{ID: id, Reasons: []string{fmt.Sprintf("Elasticsearch took the secret for that of %s", identity)}}
		}
		imported.APIKey, imported.Encoded = secret.New(apiKey), name
	}
	reading, err := s.Read(ctx, Ref{ID: id})
	if _, strange := errors.AsType[*StrangeError](err); err != nil && !strange {
		return Imported{}, err
	}
	if reasons := unfit(reading); len(reasons) > 0 {
		return Imported{}, &UnfitError{ID: id, Reasons: reasons}
	}
	imported.Key = reading.Key
	return imported, nil
}

// unfit says why a key must not be managed as an agent key.
func unfit(reading Reading) []string {
	if reason := dead(reading); reason != "" {
		return []string{reason}
	}
	return reading.Key.Deviations()
}

// dead says in words what has become of a key that is not alive.
func dead(reading Reading) string {
	switch reading.Condition {
	case Missing:
		return "Elasticsearch knows no such key"
	case Revoked:
		return "it is revoked, which cannot be undone"
	case Expired:
		return "it has expired"
	case Alive:
	}
	return ""
}
