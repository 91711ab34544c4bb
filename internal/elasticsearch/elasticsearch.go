// Package elasticsearch is a client of the few Elasticsearch security calls that agent keys need.
package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

const product = "Elasticsearch"

// allKeys are the cluster privileges with which the keys of every owner are visible (contract B2).
var allKeys = []string{"manage_security", "manage_api_key", "read_security"}

// Client finds and revokes API keys. It is safe for concurrent use.
type Client struct {
	transport *transport.Client
}

var _ agentkey.Elasticsearch = (*Client)(nil)

// New returns a client of the Elasticsearch cluster at config.URLs. The error is an *transport.OptionError when a TLS
// option cannot be used.
func New(config transport.Config) (*Client, error) {
	config.Product, config.Explain = product, explain
	client, err := transport.New(config)
	if err != nil {
		return nil, err
	}
	return &Client{transport: client}, nil
}

// As returns a client of the same cluster, over the same connections, that authenticates otherwise.
func (c *Client) As(other credential.Credential) *Client {
	return &Client{transport: c.transport.As(other)}
}

// Credential implements agentkey.Elasticsearch.
func (c *Client) Credential() credential.Credential { return c.transport.Credential() }

// Authenticate implements agentkey.Elasticsearch.
func (c *Client) Authenticate(ctx context.Context) (agentkey.Identity, error) {
	var body struct {
		Username           string `json:"username"`
		AuthenticationType string `json:"authentication_type"`
		Realm              struct {
			Name string `json:"name"`
		} `json:"authentication_realm"`
		APIKey struct {
			ID        string `json:"id"`
			ManagedBy string `json:"managed_by"` // since 9.1; absent means Elasticsearch
		} `json:"api_key"`
	}
	if err := c.call(ctx, esapi.SecurityAuthenticateRequest{}, &body); err != nil {
		return agentkey.Identity{}, err
	}
	if body.Username == "" || body.Realm.Name == "" {
		return agentkey.Identity{}, wrongAnswer(http.MethodGet, "/_security/_authenticate", "the answer does not say who is asking")
	}
	return agentkey.Identity{
		Username: body.Username, Realm: body.Realm.Name, APIKeyID: body.APIKey.ID, Cloud: body.APIKey.ManagedBy == "cloud",
	}, nil
}

// AuthenticateKey implements agentkey.Elasticsearch.
func (c *Client) AuthenticateKey(ctx context.Context, encoded secret.Text) (agentkey.Identity, error) {
	return c.As(credential.NewAPIKey(encoded)).Authenticate(ctx)
}

// SeesEveryKey implements agentkey.Elasticsearch.
func (c *Client) SeesEveryKey(ctx context.Context) (bool, error) {
	request := struct {
		Cluster []string `json:"cluster"`
	}{allKeys}
	var body struct {
		Cluster map[string]bool `json:"cluster"`
	}
	if err := c.call(ctx, esapi.SecurityHasPrivilegesRequest{Body: encode(request)}, &body); err != nil {
		return false, err
	}
	for _, privilege := range allKeys {
		if body.Cluster[privilege] {
			return true, nil
		}
	}
	return false, nil
}

// FindKeys implements agentkey.Elasticsearch. An answer that does not list what was
// asked for is an error, for an empty list would be taken for "deleted".
func (c *Client) FindKeys(ctx context.Context, query agentkey.Query) ([]agentkey.Key, error) {
	var body struct {
		Total *int      `json:"total"`
		Keys  []wireKey `json:"api_keys"`
	}
	if err := c.call(ctx, esapi.SecurityQueryAPIKeysRequest{Body: encode(toQuery(query))}, &body); err != nil {
		return nil, err
	}
	if body.Total == nil || (*body.Total > query.Page*agentkey.PageSize && len(body.Keys) == 0) {
		return nil, wrongAnswer(http.MethodPost, "/_security/_query/api_key", "the answer is not a list of API keys")
	}
	var keys []agentkey.Key
	for _, key := range body.Keys {
		if len(query.IDs) > 0 && !slices.Contains(query.IDs, key.ID) {
			return nil, wrongAnswer(http.MethodPost, "/_security/_query/api_key", "the answer lists another key than was asked for")
		}
		keys = append(keys, key.fromAPI())
	}
	return keys, nil
}

// MissingPrivileges implements agentkey.Elasticsearch.
func (c *Client) MissingPrivileges(ctx context.Context, privileges []string) ([]string, error) {
	request := map[string]any{"application": []map[string]any{grants(privileges)}}
	var body struct {
		Application map[string]map[string]map[string]bool `json:"application"`
	}
	if err := c.call(ctx, esapi.SecurityHasPrivilegesRequest{Body: encode(request)}, &body); err != nil {
		return nil, err
	}
	var missing []string
	for _, privilege := range privileges {
		if !body.Application[agentkey.Application]["*"][privilege] {
			missing = append(missing, privilege)
		}
	}
	return missing, nil
}

// UpdateKey implements agentkey.Elasticsearch.
func (c *Client) UpdateKey(ctx context.Context, id string, update agentkey.Update) error {
	var body struct {
		Updated *bool `json:"updated"` // false where nothing was to change
	}
	if err := c.call(ctx, esapi.SecurityUpdateAPIKeyRequest{DocumentID: id, Body: encode(toUpdate(update))}, &body); err != nil {
		return err
	}
	if body.Updated == nil {
		return wrongAnswer(http.MethodPut, "/_security/api_key/"+id, "the answer does not say whether the key was updated")
	}
	return nil
}

// Invalidate implements agentkey.Elasticsearch.
func (c *Client) Invalidate(ctx context.Context, id string, owner bool) (bool, error) {
	request := struct {
		IDs   []string `json:"ids"`
		Owner bool     `json:"owner"`
	}{[]string{id}, owner}
	var body struct {
		Invalidated  []string `json:"invalidated_api_keys"`
		Previously   []string `json:"previously_invalidated_api_keys"`
		ErrorCount   int      `json:"error_count"`
		ErrorDetails []struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"error_details"`
	}
	if err := c.call(ctx, esapi.SecurityInvalidateAPIKeyRequest{Body: encode(request)}, &body); err != nil {
		return false, err
	}
	if slices.Contains(body.Invalidated, id) || slices.Contains(body.Previously, id) {
		return true, nil
	}
	if body.ErrorCount > 0 { // With HTTP 200 (contract B4).
		failure := wrongAnswer(http.MethodDelete, "/_security/api_key", fmt.Sprintf("%d errors", body.ErrorCount))
		if len(body.ErrorDetails) > 0 {
			failure.Type, failure.Reason = c.transport.Safe(body.ErrorDetails[0].Type), c.transport.Safe(body.ErrorDetails[0].Reason)
		}
		return false, failure
	}
	return false, nil
}

// call sends a request and decodes its answer.
func (c *Client) call(ctx context.Context, request esapi.Request, into any) error {
	sender := &sender{Client: c.transport}
	res, err := request.Do(ctx, sender)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if json.NewDecoder(res.Body).Decode(into) != nil {
		return wrongAnswer(sender.sent.Method, sender.sent.URL.Path, "the answer is not the expected JSON")
	}
	return nil
}

// sender remembers the request that go-elasticsearch makes, for errors.
type sender struct {
	*transport.Client

	sent *http.Request
}

// Perform implements esapi.Transport.
func (s *sender) Perform(req *http.Request) (*http.Response, error) {
	s.sent = req
	return s.Client.Perform(req)
}

func wrongAnswer(method, path, reason string) *apierror.Error {
	return &apierror.Error{
		Product: product, Method: method, URL: path, Status: http.StatusOK, Kind: apierror.ErrWrongAnswer, Reason: reason,
	}
}

// encode cannot fail: what it gets are structs and maps of strings, numbers and booleans.
func encode(body any) *bytes.Reader {
	encoded, _ := json.Marshal(body) //nolint:errchkjson // See above.
	return bytes.NewReader(encoded)
}
