package fakestack

import (
	"context"
	"net/http"
)

// SeedRoleName is the name that SeedAgentKeyUser gives to SeedRole's role.
const SeedRoleName = "terraform_agent_keys"

// Role is what a role grants.
type Role struct {
	Cluster      []string                `json:"cluster,omitempty"`
	Applications []ApplicationPrivileges `json:"applications,omitempty"`
}

// ApplicationPrivileges are privileges on an application's resources.
type ApplicationPrivileges struct {
	Application string   `json:"application"`
	Privileges  []string `json:"privileges"`
	Resources   []string `json:"resources"`
}

// AgentKeyRole returns the least that lets a user create agent keys through Kibana and look after
// them in Elasticsearch (contract A1).
func AgentKeyRole() Role {
	return Role{
		Cluster: []string{"manage_own_api_key"},
		Applications: []ApplicationPrivileges{
			{Application: "kibana-.kibana", Privileges: []string{"feature_apm.all"}, Resources: []string{"*"}},
			{Application: "apm", Privileges: []string{"event:write", "config_agent:read"}, Resources: []string{"*"}},
		},
	}
}

// SeedRole creates a role, or replaces it.
func (s *Stack) SeedRole(ctx context.Context, name string, role Role) error {
	return s.call(ctx, s.administrator(), http.MethodPut, "/_security/role/"+name, role, nil)
}

// SeedUser creates a user of the native realm, or replaces it.
func (s *Stack) SeedUser(ctx context.Context, username, password string, roles ...string) error {
	body := map[string]any{"password": password, "roles": append([]string{}, roles...)}
	return s.call(ctx, s.administrator(), http.MethodPut, "/_security/user/"+username, body, nil)
}

// SeedAgentKeyUser creates a user who holds AgentKeyRole and nothing else.
func (s *Stack) SeedAgentKeyUser(ctx context.Context, username, password string) error {
	if err := s.SeedRole(ctx, SeedRoleName, AgentKeyRole()); err != nil {
		return err
	}
	return s.SeedUser(ctx, username, password, SeedRoleName)
}

// DeleteUser deletes a user of the native realm.
func (s *Stack) DeleteUser(ctx context.Context, username string) error {
	return s.call(ctx, s.administrator(), http.MethodDelete, "/_security/user/"+username, nil, nil)
}

// SeedToken returns a bearer token of a user; it lives for 1,200 s. It starts the trial licence that
// tokens need.
func (s *Stack) SeedToken(ctx context.Context, username, password string) (string, error) {
	err := s.call(ctx, s.administrator(), http.MethodPost, "/_license/start_trial?acknowledge=true", nil, nil)
	// A trial is given once; where it runs already, so much the better.
	if status, refused := refusal(err); err != nil && (!refused || status != http.StatusForbidden) {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	body := map[string]any{"grant_type": "password", "username": username, "password": password}
	err = s.call(ctx, s.administrator(), http.MethodPost, "/_security/oauth2/token", body, &answer)
	return answer.AccessToken, err
}
