package kibana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// keyRequest is the body of a create.
type keyRequest struct {
	name       string
	privileges []string
}

// privilegesAnswer is Elasticsearch's to _has_privileges.
type privilegesAnswer struct {
	All         bool                                  `json:"has_all_requested"`
	Cluster     map[string]bool                       `json:"cluster"`
	Application map[string]map[string]map[string]bool `json:"application"`
}

// createAgentKey is POST /api/apm/agent_keys.
func (s *Server) createAgentKey(header http.Header, r *http.Request, c caller, space string, body []byte) (int, any, error) {
	if err := c.checkFeature(r.Context(), space); err != nil {
		return 0, nil, err
	}
	if version := r.Header.Get("Elastic-Api-Version"); version != "" && version != apiVersion {
		return 0, nil, &httpError{
			status: http.StatusBadRequest,
			message: fmt.Sprintf("No version %q available for [post] [/api/apm/agent_keys]. Available versions are: [%s]",
				version, apiVersion),
		}
	}
	header.Set("Elastic-Api-Version", apiVersion)
	request, err := s.parse(body)
	if err != nil {
		return 0, nil, err
	}
	if err := c.checkElasticsearch(r.Context(), request.privileges); err != nil {
		return 0, nil, err
	}
	var key json.RawMessage
	err = c.ask(r.Context(), http.MethodPost, "/_security/api_key", map[string]any{
		"name":     request.name,
		"metadata": map[string]any{"application": "apm"},
		"role_descriptors": map[string]any{"apm": map[string]any{
			"cluster": []string{}, "index": []string{},
			"applications": []any{map[string]any{"application": "apm", "privileges": request.privileges, "resources": []string{"*"}}},
		}},
	}, &key)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{"agentKey": key}
	if r.URL.Query().Get("_inspect") == "true" {
		answer["_inspect"] = []any{}
	}
	return http.StatusOK, answer, nil
}

// parse validates the body. Empty privileges and any name pass: Elasticsearch refuses them (contract A1).
func (s *Server) parse(body []byte) (keyRequest, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return keyRequest{}, s.invalid("Invalid value %s supplied to : body", summary(body))
	}
	var request keyRequest
	var excess []string
	given := map[string]bool{}
	for field, value := range fields {
		if string(value) == "null" {
			continue
		}
		given[field] = true
		var target any
		switch field {
		case "name":
			target = &request.name
		case "privileges":
			target = &request.privileges
		default:
			excess = append(excess, field)
			continue
		}
		if err := json.Unmarshal(value, target); err != nil {
			return keyRequest{}, s.invalid("Invalid value %s supplied to : body/%s", value, field)
		}
	}
	for _, field := range []string{"name", "privileges"} {
		if !given[field] {
			return keyRequest{}, s.invalid("Invalid value undefined supplied to : body/%s", field)
		}
	}
	allowed := []string{"event:write", "config_agent:read"}
	if !s.atLeast(8, 5) {
		allowed = append(allowed, "sourcemap:write")
	}
	for i, privilege := range request.privileges {
		if !slices.Contains(allowed, privilege) {
			return keyRequest{}, s.invalid("Invalid value %q supplied to : body/privileges/%d", privilege, i)
		}
	}
	if len(excess) > 0 && !s.options.StripsUnknownFields {
		slices.Sort(excess)
		return keyRequest{}, s.invalid("Excess keys are not allowed: body.%s", strings.Join(excess, ", body."))
	}
	return request, nil
}

// invalid words a refused body; the newest Kibana leaves it to its router, which words it differently.
func (s *Server) invalid(format string, args ...any) *httpError {
	message := fmt.Sprintf(format, args...)
	if s.options.StripsUnknownFields {
		return &httpError{status: http.StatusBadRequest, message: "[request body]: " + message}
	}
	return &httpError{
		status: http.StatusBadRequest, message: message,
		attributes: map[string]any{"data": map[string]any{}, "_inspect": []any{}},
	}
}

// checkFeature asks for the Kibana privileges of the route in a space.
func (c *caller) checkFeature(ctx context.Context, space string) error {
	needed := []string{"apm", "apm_settings_write"}
	resource := "space:" + space
	var answer privilegesAnswer
	err := c.ask(ctx, http.MethodPost, "/_security/user/_has_privileges", map[string]any{
		"application": []any{map[string]any{
			"application": application, "resources": []string{resource}, "privileges": []string{"api:" + needed[0], "api:" + needed[1]},
		}},
	}, &answer)
	if err != nil {
		return err
	}
	held := answer.Application[application][resource]
	missing := slices.DeleteFunc(needed, func(privilege string) bool { return held["api:"+privilege] })
	switch {
	case len(missing) == 0:
		return nil
	case !c.server.atLeast(9, 0):
		return &httpError{status: http.StatusForbidden, message: "Forbidden"}
	default:
		return &httpError{status: http.StatusForbidden, message: fmt.Sprintf(
			"API [POST /api/apm/agent_keys] is unauthorized for user, this action is granted by the Kibana privileges [%s]",
			strings.Join(missing, ","))}
	}
}

// checkElasticsearch asks whether the caller holds what he wants to hand on.
func (c *caller) checkElasticsearch(ctx context.Context, privileges []string) error {
	current := c.server.atLeast(8, 10)
	question := map[string]any{
		"application": []any{map[string]any{"application": "apm", "privileges": privileges, "resources": []string{"*"}}},
	}
	if current {
		question["cluster"] = []string{"manage_own_api_key"}
	}
	var answer privilegesAnswer
	if err := c.ask(ctx, http.MethodPost, "/_security/user/_has_privileges", question, &answer); err != nil {
		return err
	}
	if answer.All {
		return nil
	}
	missing := absent(answer.Application["apm"]["*"])
	missingCluster := absent(answer.Cluster)
	status := http.StatusForbidden
	if !current {
		status = http.StatusInternalServerError
	}
	return &httpError{
		status: status, message: missingMessage(c.username, missing, missingCluster),
		attributes: map[string]any{
			"_inspect": []any{},
			"data":     map[string]any{"missingPrivileges": missing, "missingClusterPrivileges": missingCluster},
		},
	}
}

// missingMessage words missing privileges as Kibana does, its hint with invalid JSON included.
func missingMessage(username string, missing, missingCluster []string) string {
	var message strings.Builder
	fmt.Fprintf(&message, "%s is missing the following requested privilege(s): %s", username, strings.Join(missing, ", "))
	if len(missingCluster) > 0 {
		fmt.Fprintf(&message, " and following cluster privileges - %s privilege(s)", strings.Join(missingCluster, ", "))
	}
	message.WriteString(".    You might try with the superuser, or add the missing APM application privileges to the role of the " +
		"authenticated user, eg.:\n    PUT /_security/role/my_role\n    {\n      ...\n      \"applications\": [{\n" +
		"        \"application\": \"apm\",\n        \"privileges\": " + quoted(missing) + ",\n        \"resources\": [*]\n      }],\n      ...\n    }")
	return message.String()
}

func quoted(names []string) string {
	encoded, err := json.Marshal(names)
	if err != nil {
		return "[]"
	}
	return string(encoded)
}

// absent lists the privileges that are not held, in alphabetical order.
func absent(held map[string]bool) []string {
	missing := []string{}
	for name, has := range held {
		if !has {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

func summary(body []byte) string {
	if len(body) == 0 {
		return "null"
	}
	return string(body[:min(len(body), 100)])
}
