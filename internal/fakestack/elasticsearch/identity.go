package elasticsearch

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// main is GET /, which takes the privilege monitor.
func (s *Server) main(c *call) (result, error) {
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	return result{body: map[string]any{
		"name": "fakestack", "cluster_name": "fakestack", "cluster_uuid": "AAAAAAAAAAAAAAAAAAAAAA",
		"version": map[string]any{
			"number": s.version, "build_flavor": "default", "build_type": "tar", "build_hash": "unknown",
			"build_date": "2026-01-01T00:00:00.000Z", "build_snapshot": false, "lucene_version": "10.0.0",
			"minimum_wire_compatibility_version": "8.19.0", "minimum_index_compatibility_version": "8.0.0",
		},
		"tagline": "You Know, for Search",
	}}, nil
}

// startTrial is POST /_license/start_trial; tokens need it.
func (s *Server) startTrial(c *call) (result, error) {
	if err := s.authorize(c, false); err != nil {
		return result{}, err
	}
	acknowledged, err := c.flag("acknowledge")
	if err != nil {
		return result{}, err
	}
	if !acknowledged {
		return result{status: http.StatusOK, body: map[string]any{
			"acknowledged": false, "trial_was_started": false, "error_message": "Operation failed: Needs acknowledgement.",
		}}, nil
	}
	if s.trial {
		return result{status: http.StatusForbidden, body: map[string]any{
			"acknowledged": true, "trial_was_started": false, "error_message": "Operation failed: Trial was already activated.",
		}}, nil
	}
	s.trial = true
	return result{body: map[string]any{"acknowledged": true, "trial_was_started": true, "type": "trial"}}, nil
}

// whoAmI is GET /_security/_authenticate; it takes no privilege.
func (s *Server) whoAmI(c *call) (result, error) {
	account := c.caller.user
	document := map[string]any{
		"username": account.Name, "roles": account.Roles, "full_name": account.FullName, "email": account.Email,
		"metadata": account.Metadata, "enabled": account.Enabled,
		"authentication_realm": account.realm, "lookup_realm": account.realm, "authentication_type": "realm",
	}
	authenticated := c.caller
	if c.caller.by != nil {
		authenticated = *c.caller.by
		document["authentication_realm"] = authenticated.realm()
	}
	switch {
	case authenticated.token:
		document["authentication_type"] = "token"
	case authenticated.key != nil:
		document["authentication_type"] = "api_key"
	}
	if key := c.caller.key; key != nil {
		identity := map[string]any{"id": key.id, "name": key.name}
		if s.atLeast(9, 1) {
			identity["managed_by"] = "elasticsearch"
		}
		document["authentication_realm"], document["lookup_realm"] = keyRealm, keyRealm
		document["api_key"] = identity
	}
	return result{body: document}, nil
}

// hasPrivileges is POST /_security/user/_has_privileges; it takes no privilege.
func (s *Server) hasPrivileges(c *call) (result, error) {
	request, failure := parsePrivilegesCheck(c.caller.user.Name+"/has_privileges", c.body)
	if failure != nil {
		return result{}, failure
	}
	all := true
	check := func(accept func(map[string]descriptor) bool) bool {
		held := s.allowed(c.caller, accept)
		all = all && held
		return held
	}
	cluster := map[string]bool{}
	for _, name := range request.Cluster {
		if failure := knownClusterPrivilege(name); failure != nil {
			return result{}, failure
		}
		wanted, _ := findClusterPrivilege(name)
		cluster[name] = check(func(roles map[string]descriptor) bool { return holdsClusterPrivilege(roles, wanted) })
	}
	index := grid{}
	for _, rule := range request.Index {
		for _, name := range rule.Names {
			for _, privilege := range rule.Privileges {
				index.set(name, privilege, check(func(roles map[string]descriptor) bool { return holdsIndexPrivilege(roles, name, privilege) }))
			}
		}
	}
	applications := map[string]grid{}
	for _, rule := range request.Application {
		if applications[rule.Application] == nil {
			applications[rule.Application] = grid{}
		}
		for _, resource := range rule.Resources {
			for _, privilege := range rule.Privileges {
				applications[rule.Application].set(resource, privilege, check(func(roles map[string]descriptor) bool {
					return s.holdsApplicationPrivilege(roles, rule.Application, privilege, resource)
				}))
			}
		}
	}
	return result{body: map[string]any{
		"username": c.caller.user.Name, "has_all_requested": all, "cluster": cluster, "index": index, "application": applications,
	}}, nil
}

// privilegesCheck is the body of _has_privileges.
type privilegesCheck struct {
	Cluster     []string
	Index       []indexPrivileges
	Application []applicationRule
}

func parsePrivilegesCheck(name string, body []byte) (privilegesCheck, *apiError) {
	var check privilegesCheck
	if len(body) == 0 {
		return check, badRequest("parse_exception", "request body or source parameter is required")
	}
	fields, failure := objectFields(name, body)
	if failure != nil {
		return check, failure
	}
	if len(fields) == 0 {
		return check, badRequest("parse_exception",
			"failed to parse privileges check [%s]. All privilege fields [cluster,index,applications] are missing", name)
	}
	for field, value := range fields {
		var target any
		switch field {
		case "cluster":
			target = &check.Cluster
		case "index":
			target = &check.Index
		case "application":
			target = &check.Application
		default:
			return check, badRequest("parse_exception", "failed to parse privileges check [%s]. unexpected field [%s]", name, field)
		}
		if err := json.Unmarshal(value, target); err != nil {
			return check, badRequest("parse_exception", "failed to parse privileges check [%s]. could not parse field [%s]", name, field)
		}
	}
	return check, checkRules(name, check.Application)
}

// grid tells for each resource which privileges are held.
type grid map[string]map[string]bool

func (g grid) set(resource, privilege string, held bool) {
	if g[resource] == nil {
		g[resource] = map[string]bool{}
	}
	g[resource][privilege] = held
}

// atLeast compares the version that the server claims to be.
func (s *Server) atLeast(major, minor int) bool {
	parts := strings.SplitN(s.version+".0", ".", 3)
	ownMajor, _ := strconv.Atoi(parts[0])
	ownMinor, _ := strconv.Atoi(parts[1])
	return ownMajor > major || (ownMajor == major && ownMinor >= minor)
}
