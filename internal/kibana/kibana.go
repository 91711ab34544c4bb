// Package kibana is a client of the one Kibana call that agent keys need.
package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

const (
	product = "Kibana"
	// apiVersion is the version of the route. Development servers and Kibana's documentation call it required (contract A1).
	apiVersion    = "2023-10-31"
	agentKeysPath = "/api/apm/agent_keys"
	defaultSpace  = "default"
)

// Client creates agent keys. It is safe for concurrent use.
type Client struct {
	transport *transport.Client
	path      string
}

var _ agentkey.Kibana = (*Client)(nil)

// New returns a client of the Kibana at config.URLs, one URL that includes the base path if there is one. Privileges are
// checked in the space; keys are not bound to it. An empty space is the default one. The error is an
// *transport.OptionError when a TLS option cannot be used.
func New(config transport.Config, space string) (*Client, error) {
	config.Product, config.Explain = product, explain
	client, err := transport.New(config)
	if err != nil {
		return nil, err
	}
	path := agentKeysPath
	if space != "" && space != defaultSpace {
		path = "/s/" + url.PathEscape(space) + agentKeysPath
	}
	return &Client{transport: client, path: path}, nil
}

// CreateAgentKey implements agentkey.Kibana. It is sent again only where it cannot have arrived. An *apierror.Error with
// Undecided set says that the key may exist.
func (c *Client) CreateAgentKey(ctx context.Context, spec agentkey.Spec) (agentkey.Created, error) {
	body, err := json.Marshal(struct {
		Name       string   `json:"name"`
		Privileges []string `json:"privileges"`
	}{spec.Name, spec.Privileges})
	if err != nil {
		return agentkey.Created{}, fmt.Errorf("encoding the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.path, bytes.NewReader(body))
	if err != nil {
		return agentkey.Created{}, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	// Only the presence of kbn-xsrf is tested. kbn-version must not be sent (contract A1).
	req.Header.Set("kbn-xsrf", "true")
	req.Header.Set("elastic-api-version", apiVersion)

	answer, err := c.transport.Do(req, transport.OnlyUndelivered)
	if err != nil {
		return agentkey.Created{}, err
	}
	created, reason := decodeCreated(answer, spec)
	if reason != "" {
		failure := &apierror.Error{
			Product: product, Method: req.Method, URL: answer.URL, Status: answer.Status, Kind: apierror.ErrWrongAnswer,
			Reason: c.transport.Safe(reason), Undecided: true,
		}
		if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			failure.Kind, failure.Reason = apierror.ErrWrongProduct, "a web page, not an answer of Kibana"
		}
		return agentkey.Created{}, failure
	}
	return created, nil
}

// decodeCreated reads the answer to a create, or says what is wrong with it.
func decodeCreated(answer *transport.Answer, spec agentkey.Spec) (agentkey.Created, string) {
	var body struct {
		AgentKey struct {
			ID      string `json:"id"`
			Name    string `json:"name"`
			APIKey  string `json:"api_key"`
			Encoded string `json:"encoded"`
		} `json:"agentKey"`
	}
	// The decoder's own error could quote the body, which holds the secret.
	if json.Unmarshal(answer.Body, &body) != nil {
		return agentkey.Created{}, "the answer is not the JSON of a new key" + contentType(answer)
	}
	key := body.AgentKey
	switch {
	case key.ID == "":
		return agentkey.Created{}, "the answer has no agentKey.id" + contentType(answer)
	case key.APIKey == "":
		return agentkey.Created{}, fmt.Sprintf("the answer has the id %s but no agentKey.api_key", key.ID)
	case key.Name != spec.Name:
		return agentkey.Created{}, fmt.Sprintf("the answer has the id %s but the name %q instead of %q", key.ID, key.Name, spec.Name)
	}
	encoded := agentkey.Encode(key.ID, key.APIKey)
	if key.Encoded != "" && key.Encoded != encoded.Reveal() {
		return agentkey.Created{}, fmt.Sprintf("the answer has the id %s but an agentKey.encoded that is not base64 of id:api_key", key.ID)
	}
	return agentkey.Created{Requested: answer.Sent, ID: key.ID, Name: key.Name, APIKey: secret.New(key.APIKey), Encoded: encoded}, ""
}

func contentType(answer *transport.Answer) string {
	if value := answer.Header.Get("Content-Type"); value != "" {
		return " (its content type is " + value + ")"
	}
	return ""
}
