// Package kibana is a stand-in for Kibana's route that creates APM agent keys. It does what the
// route does (contract A1): it asks Elasticsearch who the caller is and what he may do, and creates
// the key there as the caller. So it works over any Elasticsearch, in memory or real.
package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxPayload is Kibana's server.maxPayload, in bytes.
	maxPayload = 1 << 20
	apiVersion = "2023-10-31"
	// application is the name under which Kibana keeps its privileges in Elasticsearch.
	application = "kibana-.kibana"
)

// Options configure a Server.
type Options struct {
	// Elasticsearch is its URL.
	Elasticsearch string
	// Client sends the requests to Elasticsearch; nil means http.DefaultClient.
	Client *http.Client
	// Now is the server's clock, seen in its Date header; nil means time.Now.
	Now func() time.Time
	// Version is what Kibana claims to be, such as "9.4.3". Before 8.10 missing privileges in
	// Elasticsearch are a 500, before 8.5 sourcemap:write is taken, before 8.0 there is no route.
	Version string
	// StripsUnknownFields chooses the newest validation, which drops unknown fields of a body in
	// silence; otherwise they are refused.
	StripsUnknownFields bool
	// Spaces are the ids of the spaces that exist beside "default".
	Spaces []string
}

// Server answers like Kibana. It is safe for concurrent use.
type Server struct {
	options Options
}

// httpError is an error in the shape that Kibana gives it.
type httpError struct {
	status     int
	message    string
	attributes map[string]any
}

// Error implements error.
func (e *httpError) Error() string { return e.message }

// New returns a server. Call RegisterPrivileges before its first request.
func New(o Options) *Server {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{options: o}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Kbn-Name", "fakestack")
	status, body, err := s.answer(w.Header(), r)
	if err != nil {
		if r.Context().Err() != nil {
			err = &httpError{status: 499, message: "Client closed request"}
		}
		status, body = errorBody(err)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "unencodable answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	// A client that has gone cannot be told so.
	_, _ = w.Write(encoded)
}

// RegisterPrivileges stores Kibana's feature privileges in Elasticsearch, as Kibana does when it
// starts, with the credentials of an administrator.
func (s *Server) RegisterPrivileges(ctx context.Context, username, password string) error {
	privileges := map[string]any{}
	for name, actions := range map[string][]string{
		"all":                       {"login:", "api:apm", "api:apm_settings_write"},
		"read":                      {"login:", "api:apm"},
		"space_all":                 {"login:", "api:apm", "api:apm_settings_write"},
		"space_read":                {"login:", "api:apm"},
		"feature_apm.all":           {"login:", "api:apm", "api:apm_settings_write"},
		"feature_apm.read":          {"login:", "api:apm"},
		"feature_apm.minimal_all":   {"login:", "api:apm"},
		"feature_apm.minimal_read":  {"login:", "api:apm"},
		"feature_apm.settings_save": {"login:", "api:apm_settings_write"},
	} {
		privileges[name] = map[string]any{"application": application, "name": name, "actions": actions, "metadata": map[string]any{}}
	}
	body, err := json.Marshal(map[string]any{application: privileges})
	if err != nil {
		return fmt.Errorf("encoding Kibana's privileges: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, s.options.Elasticsearch+"/_security/privilege", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("registering Kibana's privileges: %w", err)
	}
	request.SetBasicAuth(username, password)
	request.Header.Set("Content-Type", "application/json")
	if err := s.send(request, nil); err != nil {
		return fmt.Errorf("registering Kibana's privileges: %w", err)
	}
	return nil
}

// answer takes a request through Kibana's stages: authentication, the checks on every write, the
// privileges of the route, the version, the body.
func (s *Server) answer(header http.Header, r *http.Request) (int, any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		return 0, nil, &httpError{status: http.StatusBadRequest, message: "Invalid request payload"}
	}
	if len(body) > maxPayload {
		return 0, nil, &httpError{
			status:  http.StatusRequestEntityTooLarge,
			message: fmt.Sprintf("Payload content length greater than maximum allowed: %d", maxPayload),
		}
	}
	space, path := splitSpace(r.URL.Path)
	if path == "/api/status" && r.Method == http.MethodGet {
		return s.status(r)
	}
	c := caller{server: s, authorization: r.Header.Get("Authorization")}
	if err := c.authenticate(r.Context()); err != nil {
		return 0, nil, err
	}
	if err := s.checkWrite(r); err != nil {
		return 0, nil, err
	}
	if space != "default" && !slices.Contains(s.options.Spaces, space) {
		return 0, nil, &httpError{status: http.StatusNotFound, message: "Saved object [space/" + space + "] not found"}
	}
	if internal(path) && r.Header.Get("X-Elastic-Internal-Origin") == "" {
		return 0, nil, &httpError{
			status: http.StatusBadRequest,
			message: fmt.Sprintf("uri [%s] with method [%s] exists but is not available with the current configuration",
				path, strings.ToLower(r.Method)),
		}
	}
	if path != "/api/apm/agent_keys" || r.Method != http.MethodPost || !s.atLeast(8, 0) {
		return 0, nil, &httpError{status: http.StatusNotFound, message: "Not Found"}
	}
	return s.createAgentKey(header, r, c, space, body)
}

// checkWrite makes the checks that Kibana makes on every request that may change something.
func (s *Server) checkWrite(r *http.Request) error {
	version := r.Header.Get("Kbn-Version")
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Values("Kbn-Xsrf") == nil && version == "" {
		return &httpError{status: http.StatusBadRequest, message: "Request must contain a kbn-xsrf header."}
	}
	if version != "" && version != s.options.Version {
		return &httpError{
			status: http.StatusBadRequest,
			message: fmt.Sprintf("Browser client is out of date, please refresh the page (\"kbn-version\" header was %q but should be %q)",
				version, s.options.Version),
		}
	}
	return nil
}

// status is GET /api/status, which says little to who did not authenticate (contract A4).
func (s *Server) status(r *http.Request) (int, any, error) {
	level := map[string]any{"overall": map[string]any{"level": "available"}}
	c := caller{server: s, authorization: r.Header.Get("Authorization")}
	if c.authorization == "" {
		return http.StatusOK, map[string]any{"status": level}, nil
	}
	if err := c.authenticate(r.Context()); err != nil {
		return 0, nil, err
	}
	service := map[string]any{"level": "available", "summary": "All services and plugins are available"}
	return http.StatusOK, map[string]any{
		"name": "fakestack", "uuid": "00000000-0000-4000-8000-000000000000",
		"version": map[string]any{
			"number": s.options.Version, "build_hash": "unknown", "build_number": 1, "build_snapshot": false,
			"build_flavor": "traditional", "build_date": "2026-01-01T00:00:00.000Z",
		},
		"status": map[string]any{
			"overall": service,
			"core":    map[string]any{"elasticsearch": service, "savedObjects": service},
			"plugins": map[string]any{"apm": service},
		},
		"metrics": map[string]any{},
	}, nil
}

// atLeast compares the version that the server claims to be.
func (s *Server) atLeast(major, minor int) bool {
	parts := strings.SplitN(s.options.Version+".0", ".", 3)
	ownMajor, _ := strconv.Atoi(parts[0])
	ownMinor, _ := strconv.Atoi(parts[1])
	return ownMajor > major || (ownMajor == major && ownMinor >= minor)
}

// errorBody writes an error as Kibana does: what Elasticsearch refused is a 500 (contract A1).
func errorBody(err error) (int, any) {
	failure := &httpError{status: http.StatusInternalServerError, message: err.Error()}
	if refused := (*elasticsearchError)(nil); errors.As(err, &refused) {
		failure.attributes = map[string]any{"data": map[string]any{}, "_inspect": []any{}}
	}
	if own := (*httpError)(nil); errors.As(err, &own) {
		failure = own
	}
	name := http.StatusText(failure.status)
	if failure.status == 499 {
		name = "Client Closed Request"
	}
	body := map[string]any{"statusCode": failure.status, "error": name, "message": failure.message}
	if failure.attributes != nil {
		body["attributes"] = failure.attributes
	}
	return failure.status, body
}

// splitSpace takes the space out of a path; without one it is the default space.
func splitSpace(path string) (space, rest string) {
	after, found := strings.CutPrefix(path, "/s/")
	if !found {
		return "default", path
	}
	space, rest, _ = strings.Cut(after, "/")
	return space, "/" + rest
}

func internal(path string) bool {
	return slices.Contains([]string{
		"/internal/apm/agent_keys", "/internal/apm/agent_keys/privileges", "/internal/apm/api_key/invalidate",
	}, path)
}
