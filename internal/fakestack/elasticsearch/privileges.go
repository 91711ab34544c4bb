package elasticsearch

import (
	"slices"
	"strings"
)

// Actions that the routes are authorized by.
const (
	actionCreateKey     = "cluster:admin/xpack/security/api_key/create"
	actionGetKey        = "cluster:admin/xpack/security/api_key/get"
	actionQueryKeys     = "cluster:admin/xpack/security/api_key/query"
	actionInvalidateKey = "cluster:admin/xpack/security/api_key/invalidate"
	actionUpdateKey     = "cluster:admin/xpack/security/api_key/update"
	actionPutRole       = "cluster:admin/xpack/security/role/put"
	actionGetRole       = "cluster:admin/xpack/security/role/get"
	actionDeleteRole    = "cluster:admin/xpack/security/role/delete"
	actionPutUser       = "cluster:admin/xpack/security/user/put"
	actionGetUser       = "cluster:admin/xpack/security/user/get"
	actionDeleteUser    = "cluster:admin/xpack/security/user/delete"
	actionPutPrivileges = "cluster:admin/xpack/security/privilege/put"
	actionGetPrivileges = "cluster:admin/xpack/security/privilege/get"
	actionCreateToken   = "cluster:admin/xpack/security/token/create"
	actionStartTrial    = "cluster:admin/xpack/license/start_trial"
	actionMain          = "cluster:monitor/main"
	actionAuthenticate  = "cluster:admin/xpack/security/user/authenticate"
	actionHasPrivileges = "cluster:admin/xpack/security/user/has_privileges"
)

// clusterPrivilege is a named set of actions.
type clusterPrivilege struct {
	name    string
	actions []string
	except  []string
	// own limits the actions to the caller's own API keys.
	own bool
}

// clusterPrivileges are those that bear on the routes here, and common others that roles name.
// They stand in the order in which a 403 lists them: the narrowest first.
var clusterPrivileges = []clusterPrivilege{
	{name: "none"},
	{name: "manage_own_api_key", own: true, actions: []string{
		actionCreateKey, actionGetKey, actionQueryKeys, actionInvalidateKey, actionUpdateKey,
	}},
	{name: "grant_api_key", actions: []string{"cluster:admin/xpack/security/api_key/grant"}},
	{name: "manage_token", actions: []string{"cluster:admin/xpack/security/token/*"}},
	{name: "manage_user_profile", actions: []string{"cluster:admin/xpack/security/profile/*"}},
	{name: "manage_service_account", actions: []string{"cluster:admin/xpack/security/service_account/*"}},
	{name: "read_security", actions: []string{
		actionGetKey, actionQueryKeys, actionGetRole, actionGetUser, actionGetPrivileges,
	}},
	{name: "manage_api_key", actions: []string{"cluster:admin/xpack/security/api_key/*"}},
	{name: "manage_security", actions: []string{"cluster:admin/xpack/security/*"}},
	{name: "monitor_ml", actions: []string{"cluster:monitor/xpack/ml/*"}},
	{name: "manage_ml", actions: []string{"cluster:admin/xpack/ml/*", "cluster:monitor/xpack/ml/*"}},
	{name: "manage_index_templates", actions: []string{"indices:admin/template/*"}},
	{name: "manage_ingest_pipelines", actions: []string{"cluster:admin/ingest/pipeline/*"}},
	{name: "manage_pipeline", actions: []string{"cluster:admin/ingest/pipeline/*"}},
	{name: "manage_ilm", actions: []string{"cluster:admin/ilm/*"}},
	{name: "read_ilm", actions: []string{"cluster:admin/ilm/get"}},
	{name: "monitor", actions: []string{"cluster:monitor/*"}},
	{
		name:    "manage",
		actions: []string{"cluster:*", "indices:admin/template/*"},
		except:  []string{"cluster:admin/xpack/security/*"},
	},
	{name: "all", actions: []string{"cluster:*", "indices:admin/template/*"}},
}

func knownClusterPrivilege(name string) *apiError {
	if _, found := findClusterPrivilege(name); found {
		return nil
	}
	names := make([]string, len(clusterPrivileges))
	for i, privilege := range clusterPrivileges {
		names[i] = privilege.name
	}
	return illegalArgument("unknown cluster privilege [%s]. a privilege must be either one of the predefined cluster privilege names [%s] "+
		"or a pattern over one of the available cluster actions", name, strings.Join(sorted(names), ","))
}

func findClusterPrivilege(name string) (clusterPrivilege, bool) {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "cluster:") {
		return clusterPrivilege{name: name, actions: []string{name}}, true
	}
	i := slices.IndexFunc(clusterPrivileges, func(p clusterPrivilege) bool { return p.name == name })
	if i < 0 {
		return clusterPrivilege{}, false
	}
	return clusterPrivileges[i], true
}

// grants reports whether the privilege allows an action; own tells that it touches nothing but
// API keys of the caller.
func (p clusterPrivilege) grants(action string, own bool) bool {
	return (!p.own || own) && matchesAny(p.actions, action) && !matchesAny(p.except, action)
}

// includes reports whether who holds p also holds other.
func (p clusterPrivilege) includes(other clusterPrivilege) bool {
	if len(other.actions) == 0 || (p.own && !other.own) {
		return len(other.actions) == 0
	}
	for _, action := range other.actions {
		if !matchesAny(p.actions, action) {
			return false
		}
		for _, exception := range p.except {
			overlaps := matches(exception, action) || matches(action, exception)
			if overlaps && !slices.Contains(other.except, exception) {
				return false
			}
		}
	}
	return true
}

// grantsAction reports whether one of the roles allows an action.
func grantsAction(roles map[string]descriptor, action string, own bool) bool {
	return anyClusterPrivilege(roles, func(p clusterPrivilege) bool { return p.grants(action, own) })
}

// holdsClusterPrivilege reports whether one of the roles includes a privilege.
func holdsClusterPrivilege(roles map[string]descriptor, wanted clusterPrivilege) bool {
	return anyClusterPrivilege(roles, func(p clusterPrivilege) bool { return p.includes(wanted) })
}

func anyClusterPrivilege(roles map[string]descriptor, accept func(clusterPrivilege) bool) bool {
	for _, role := range roles {
		for _, name := range role.Cluster {
			if privilege, found := findClusterPrivilege(name); found && accept(privilege) {
				return true
			}
		}
	}
	return false
}

// holdsIndexPrivilege reports whether one of the roles has a privilege on an index.
func holdsIndexPrivilege(roles map[string]descriptor, index, privilege string) bool {
	for _, role := range roles {
		for _, rule := range role.Indices {
			held := slices.Contains(rule.Privileges, "all") || slices.Contains(rule.Privileges, privilege)
			if held && matchesAny(rule.Names, index) {
				return true
			}
		}
	}
	return false
}

// holdsApplicationPrivilege reports whether one of the roles has a privilege, a registered name
// or an action, on a resource of an application.
func (s *Server) holdsApplicationPrivilege(roles map[string]descriptor, application, privilege, resource string) bool {
	wanted := s.applicationActions(application, []string{privilege})
	for _, role := range roles {
		for _, rule := range role.Applications {
			if !matches(rule.Application, application) || !matchesAny(rule.Resources, resource) {
				continue
			}
			if rule.Application == application && slices.Contains(rule.Privileges, privilege) {
				return true
			}
			held := s.applicationActions(application, rule.Privileges)
			covered := func(action string) bool { return matchesAny(held, action) }
			if slices.Contains(held, "*") || (len(wanted) > 0 && !slices.ContainsFunc(wanted, func(a string) bool { return !covered(a) })) {
				return true
			}
		}
	}
	return false
}

// applicationActions resolves privileges to actions. A privilege with one of "/", ":" and "*" in it
// is an action already; a name that nobody registered stands for nothing.
func (s *Server) applicationActions(application string, privileges []string) []string {
	var actions []string
	for _, privilege := range privileges {
		if strings.ContainsAny(privilege, "/:*") {
			actions = append(actions, privilege)
			continue
		}
		actions = append(actions, s.privileges[application][privilege].Actions...)
	}
	return actions
}
