// Package elasticsearch is an in-memory stand-in for Elasticsearch's security API: users, roles,
// tokens and API keys, as contract B and E tell them. It allows nothing that the product refuses.
package elasticsearch

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody is Elasticsearch's http.max_content_length, in bytes.
const maxBody = 100 << 20

// Options configure a Server.
type Options struct {
	// Now is the server's clock; nil means time.Now.
	Now func() time.Time
	// Username and Password are those of a superuser of the file realm.
	Username, Password string
	// Version is what the server claims to be, such as "9.4.3".
	Version string
	// RefreshWait is how long a call that changes a key waits for the index refresh; 0 answers at once.
	RefreshWait time.Duration
}

// Server answers like Elasticsearch's security API. It is safe for concurrent use.
type Server struct {
	now         func() time.Time
	version     string
	refreshWait time.Duration

	mu         sync.Mutex
	users      map[string]*user
	roles      map[string]descriptor
	privileges map[string]map[string]storedPrivilege
	tokens     map[[sha256.Size]byte]*token
	trial      bool
	keys       map[string]*apiKey
	// order holds the ids of keys as they were created.
	order []string
	// purged is when keys were last purged (contract B6).
	purged time.Time
}

// call is one request that passed authentication.
type call struct {
	request *http.Request
	query   map[string][]string
	body    []byte
	// name is what stands in the path for {name}.
	name   string
	action string
	caller subject
}

// result is an answer.
type result struct {
	status int
	body   any
	// refreshed tells that the product would have waited for an index refresh.
	refreshed bool
}

// route is one endpoint.
type route struct {
	methods []string
	// path may have one segment {name}.
	path string
	// parameters are the query parameters that the endpoint knows.
	parameters []string
	// action is what the caller must be allowed to do.
	action string
	handle func(*Server, *call) (result, error)
}

// New returns a server that knows the superuser and nothing else.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		now:         func() time.Time { return o.Now().Truncate(time.Millisecond) },
		version:     o.Version,
		refreshWait: o.RefreshWait,
		users:       map[string]*user{},
		roles:       map[string]descriptor{"superuser": superuser()},
		privileges:  map[string]map[string]storedPrivilege{},
		tokens:      map[[sha256.Size]byte]*token{},
		keys:        map[string]*apiKey{},
	}
	s.users[o.Username] = &user{
		Name: o.Username, Roles: []string{"superuser"}, Metadata: map[string]any{}, Enabled: true,
		realm: fileRealm, password: sha256.Sum256([]byte(o.Password)),
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Elasticsearch sends no Date header (contract E).
	w.Header()["Date"] = nil
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeJSON(w, "application/json", http.StatusRequestEntityTooLarge, map[string]any{"error": "Content Too Large", "status": 413})
		return
	}
	contentType := "application/json"
	answer, err := s.answer(w.Header(), r, body, &contentType)
	if failure := (*apiError)(nil); errors.As(err, &failure) {
		maps.Copy(w.Header(), failure.header)
		answer = result{status: failure.status, body: failure.body()}
	}
	if answer.refreshed && s.refreshWait > 0 {
		time.Sleep(s.refreshWait)
	}
	writeJSON(w, contentType, answer.status, answer.body)
}

// answer authenticates, routes and handles one request, and sets the headers and the media type
// of what passed authentication.
func (s *Server) answer(header http.Header, r *http.Request, body []byte, contentType *string) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	caller, err := s.authenticate(r)
	if err != nil {
		return result{}, err
	}
	header.Set("X-elastic-product", "Elasticsearch")
	accepted, err := s.negotiate(r.Header, len(body) > 0)
	if err != nil {
		return result{}, err
	}
	*contentType = accepted
	found, name, err := findRoute(r)
	if err != nil {
		return result{}, err
	}
	query := r.URL.Query()
	if err := knownParameters(r.URL.Path, query, found.parameters); err != nil {
		return result{}, err
	}
	if caller.refusedRunAs != "" {
		return result{}, forbidden(fmt.Sprintf("action [%s] is unauthorized for %s, because user [%s] is unauthorized to run as [%s]",
			found.action, s.describe(caller), caller.user.Name, caller.refusedRunAs))
	}
	answer, err := found.handle(s, &call{request: r, query: query, body: body, name: name, action: found.action, caller: caller})
	if answer.status == 0 {
		answer.status = http.StatusOK
	}
	return answer, err
}

// routes returns the endpoints of the security API that the stand-in knows.
func routes() []route {
	put := []string{"PUT", "POST"}
	ask := []string{"GET", "POST"}
	get, remove := []string{"GET"}, []string{"DELETE"}
	refresh := []string{"refresh"}
	return []route{
		{[]string{"GET", "HEAD"}, "/", nil, actionMain, (*Server).main},
		{[]string{"POST"}, "/_license/start_trial", []string{"acknowledge", "type"}, actionStartTrial, (*Server).startTrial},
		{get, "/_security/_authenticate", nil, actionAuthenticate, (*Server).whoAmI},
		{ask, "/_security/user/_has_privileges", nil, actionHasPrivileges, (*Server).hasPrivileges},
		{[]string{"POST"}, "/_security/oauth2/token", nil, actionCreateToken, (*Server).createToken},
		{put, "/_security/privilege", refresh, actionPutPrivileges, (*Server).putPrivileges},
		{put, "/_security/role/{name}", refresh, actionPutRole, (*Server).putRole},
		{get, "/_security/role/{name}", nil, actionGetRole, (*Server).getRole},
		{remove, "/_security/role/{name}", refresh, actionDeleteRole, (*Server).deleteRole},
		{put, "/_security/user/{name}", refresh, actionPutUser, (*Server).putUser},
		{get, "/_security/user/{name}", nil, actionGetUser, (*Server).getUser},
		{remove, "/_security/user/{name}", refresh, actionDeleteUser, (*Server).deleteUser},
		{put, "/_security/api_key", refresh, actionCreateKey, (*Server).createKey},
		{
			get, "/_security/api_key",
			[]string{"id", "name", "username", "realm_name", "owner", "active_only", "with_limited_by"},
			actionGetKey, (*Server).getKeys,
		},
		{remove, "/_security/api_key", nil, actionInvalidateKey, (*Server).invalidateKeys},
		{[]string{"PUT"}, "/_security/api_key/{name}", nil, actionUpdateKey, (*Server).updateKey},
		{ask, "/_security/_query/api_key", []string{"with_limited_by", "typed_keys"}, actionQueryKeys, (*Server).queryKeys},
	}
}

// findRoute matches method and path; a literal segment goes before {name}.
func findRoute(r *http.Request) (route, string, error) {
	var allowed []string
	for _, candidate := range routes() {
		name, ok := matchPath(candidate.path, r.URL.Path)
		if !ok {
			continue
		}
		if slices.Contains(candidate.methods, r.Method) {
			return candidate, name, nil
		}
		allowed = append(allowed, candidate.methods...)
	}
	if len(allowed) == 0 {
		return route{}, "", &apiError{
			status: http.StatusBadRequest, plain: true,
			reason: "no handler found for uri [" + r.URL.RequestURI() + "] and method [" + r.Method + "]",
		}
	}
	list := strings.Join(slices.DeleteFunc([]string{"GET", "POST", "PUT", "DELETE", "HEAD"}, func(method string) bool {
		return !slices.Contains(allowed, method)
	}), ", ")
	return route{}, "", &apiError{
		status: http.StatusMethodNotAllowed, plain: true, stated: true, header: http.Header{"Allow": {strings.ReplaceAll(list, " ", "")}},
		reason: "Incorrect HTTP method for uri [" + r.URL.RequestURI() + "] and method [" + r.Method + "], allowed: [" + list + "]",
	}
}

func matchPath(pattern, path string) (string, bool) {
	prefix, named := strings.CutSuffix(pattern, "{name}")
	if !named {
		return "", pattern == path || pattern+"/" == path
	}
	rest, found := strings.CutPrefix(path, prefix)
	return rest, found && rest != "" && !strings.Contains(rest, "/")
}

// knownParameters refuses query parameters that the endpoint does not read.
func knownParameters(path string, query map[string][]string, known []string) error {
	var unknown []string
	for name := range query {
		if !slices.Contains(known, name) && !slices.Contains([]string{"pretty", "human", "error_trace", "format"}, name) {
			unknown = append(unknown, "["+name+"]")
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	noun := "parameter"
	if len(unknown) > 1 {
		noun = "parameters"
	}
	return illegalArgument("request [%s] contains unrecognized %s: %s", path, noun, strings.Join(sorted(unknown), ", "))
}

// flag reads a boolean query parameter; present without a value it is true.
func (c *call) flag(name string) (bool, error) {
	values, found := c.query[name]
	if !found {
		return false, nil
	}
	if values[0] == "" {
		return true, nil
	}
	flag, failure := parseFlag(values[0])
	if failure != nil {
		return false, failure
	}
	return flag, nil
}

func (c *call) parameter(name string) string {
	if values := c.query[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "unencodable answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	// A client that has gone cannot be told so.
	_, _ = w.Write(encoded)
}
