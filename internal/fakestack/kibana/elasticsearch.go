package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// elasticsearchError is a refusal by Elasticsearch, as its JavaScript client tells it.
type elasticsearchError struct {
	status int
	reason string
	text   string
}

// Error implements error.
func (e *elasticsearchError) Error() string { return e.text }

// caller sends requests to Elasticsearch with the Authorization of who called Kibana.
type caller struct {
	server        *Server
	authorization string
	username      string
}

// authenticate finds out who calls. What Elasticsearch says of bad credentials is handed on (contract A1).
func (c *caller) authenticate(ctx context.Context) error {
	if c.authorization == "" {
		return &httpError{status: http.StatusUnauthorized, message: "Unauthorized"}
	}
	var identity struct {
		Username string `json:"username"`
	}
	err := c.ask(ctx, http.MethodGet, "/_security/_authenticate", nil, &identity)
	refused := &elasticsearchError{}
	if errors.As(err, &refused) {
		return &httpError{status: refused.status, message: fmt.Sprintf("[%s]: %s", refused.text, refused.reason)}
	}
	c.username = identity.Username
	return err
}

// ask sends one request and decodes the answer into target.
func (c *caller) ask(ctx context.Context, method, path string, body, target any) error {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server.options.Elasticsearch+path, reader)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", c.authorization)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.server.send(request, target)
}

// send does one request; a refusal is an *elasticsearchError.
func (s *Server) send(request *http.Request, target any) error {
	response, err := s.options.Client.Do(request)
	if err != nil {
		return fmt.Errorf("connect to Elasticsearch: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read Elasticsearch's answer: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return newElasticsearchError(response.StatusCode, body)
	}
	if target == nil {
		return nil
	}
	return json.Unmarshal(body, target)
}

// newElasticsearchError words a refusal as elastic-transport-js does.
func newElasticsearchError(status int, body []byte) *elasticsearchError {
	type cause struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	var document struct {
		Error struct {
			cause
			CausedBy  *cause  `json:"caused_by"`
			RootCause []cause `json:"root_cause"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &document); err != nil || document.Error.Type == "" {
		return &elasticsearchError{status: status, text: string(body)}
	}
	var message strings.Builder
	message.WriteString(document.Error.Type)
	if by := document.Error.CausedBy; by != nil {
		fmt.Fprintf(&message, "\n\tCaused by:\n\t\t%s: %s", by.Type, by.Reason)
	}
	if len(document.Error.RootCause) > 0 {
		message.WriteString("\n\tRoot causes:")
		for _, root := range document.Error.RootCause {
			fmt.Fprintf(&message, "\n\t\t%s: %s", root.Type, root.Reason)
		}
	}
	return &elasticsearchError{status: status, reason: document.Error.Reason, text: message.String()}
}
