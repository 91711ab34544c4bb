package elasticsearch

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// retention and purgeInterval say when dead keys go (contract B6).
const (
	retention     = 7 * 24 * time.Hour
	purgeInterval = 24 * time.Hour
)

// selection is what GET and DELETE choose keys by; empty fields choose every key.
type selection struct {
	ids                   []string
	name, username, realm string
}

// visibleKeys returns the keys that a search finds, in the order of their creation.
func (s *Server) visibleKeys() []*apiKey {
	var found []*apiKey
	for _, id := range s.order {
		if key := s.keys[id]; key.refreshed || !key.visible.After(s.now()) {
			found = append(found, key)
		}
	}
	return found
}

func (w selection) matches(key *apiKey) bool {
	if len(w.ids) > 0 && !slices.Contains(w.ids, key.id) {
		return false
	}
	prefix, starred := strings.CutSuffix(w.name, "*")
	if w.name != "" && key.name != w.name && (!starred || !strings.HasPrefix(key.name, prefix)) {
		return false
	}
	return (w.username == "" || w.username == key.username) && (w.realm == "" || w.realm == key.realm.Name)
}

// getKeys is GET /_security/api_key (contract B2).
func (s *Server) getKeys(c *call) (result, error) {
	id := c.parameter("id")
	wanted := selection{name: c.parameter("name"), username: c.parameter("username"), realm: c.parameter("realm_name")}
	if id != "" {
		wanted.ids = []string{id}
	}
	owner, err := c.flag("owner")
	if err != nil {
		return result{}, err
	}
	activeOnly, err := c.flag("active_only")
	if err != nil {
		return result{}, err
	}
	withLimitedBy, err := c.flag("with_limited_by")
	if err != nil {
		return result{}, err
	}
	if err := validationFailure(wanted.problems(owner, "retrieving", "api key id", "is")); err != nil {
		return result{}, err
	}
	itself := c.caller.key != nil && id == c.caller.key.id && !withLimitedBy
	if !itself {
		if err := s.authorize(c, c.caller.limitedToOwn(wanted, owner) && (c.caller.key == nil || !withLimitedBy)); err != nil {
			return result{}, err
		}
	}
	if owner {
		wanted.username, wanted.realm = c.caller.user.Name, c.caller.user.realm.Name
	}
	documents := []any{}
	for _, key := range s.visibleKeys() {
		if wanted.matches(key) && (!activeOnly || (!key.invalidated && !key.expired(s.now()))) {
			documents = append(documents, key.document(withLimitedBy))
		}
	}
	answer := result{body: map[string]any{"api_keys": documents}}
	if id != "" && len(documents) == 0 {
		answer.status = http.StatusNotFound
	}
	return answer, nil
}

// invalidateKeys is DELETE /_security/api_key. It answers 200 also when it did nothing (contract B4).
func (s *Server) invalidateKeys(c *call) (result, error) {
	wanted, owner, failure := parseInvalidation(c.body)
	if failure != nil {
		return result{}, failure
	}
	problems := wanted.problems(owner, "invalidating", "api key id(s)", "are")
	if len(wanted.ids) == 0 && wanted.name == "" && wanted.username == "" && wanted.realm == "" && !owner {
		problems = append(problems, "One of [api key id(s), api key name, username, realm name] must be specified if [owner] flag is false")
	}
	if err := validationFailure(problems); err != nil {
		return result{}, err
	}
	if err := s.authorize(c, c.caller.limitedToOwn(wanted, owner)); err != nil {
		return result{}, err
	}
	if owner {
		wanted.username, wanted.realm = c.caller.user.Name, c.caller.user.realm.Name
	}
	now := s.now()
	invalidated := []string{}
	for _, key := range s.visibleKeys() {
		if wanted.matches(key) && !key.invalidated {
			key.invalidated, key.invalidation = true, &now
			invalidated = append(invalidated, key.id)
		}
	}
	if len(invalidated) > 0 {
		s.refresh()
		s.purge(now)
	}
	return result{refreshed: len(invalidated) > 0, body: map[string]any{
		"invalidated_api_keys": invalidated, "previously_invalidated_api_keys": []string{}, "error_count": 0,
	}}, nil
}

// parseInvalidation reads the body of an invalidation.
func parseInvalidation(body []byte) (wanted selection, owner bool, failure *apiError) {
	const parser = "invalidate_api_key"
	fields, failure := objectFields(parser, body)
	if failure != nil {
		return selection{}, false, failure
	}
	for field, value := range fields {
		switch field {
		case "ids":
			failure = decodeList(parser, field, value, &wanted.ids)
		case "name":
			failure = decodeField(parser, field, value, &wanted.name)
		case "username":
			failure = decodeField(parser, field, value, &wanted.username)
		case "realm_name":
			failure = decodeField(parser, field, value, &wanted.realm)
		case "owner":
			failure = decodeFlag(parser, field, value, &owner)
		default:
			failure = parseFailure("[1:1] [%s] unknown field [%s]", parser, field)
		}
		if failure != nil {
			return selection{}, false, failure
		}
	}
	if _, given := fields["ids"]; given {
		failure = idProblem(parser, wanted.ids)
	}
	return wanted, owner, failure
}

// idProblem refuses lists of ids that are empty or hold blanks.
func idProblem(parser string, ids []string) *apiError {
	var blanks []string
	for i, id := range ids {
		if strings.TrimSpace(id) == "" {
			blanks = append(blanks, strconv.Itoa(i))
		}
	}
	var problem string
	switch {
	case len(ids) == 0:
		problem = "Field [ids] cannot be an empty array"
	case len(blanks) == 1:
		problem = "Field [ids] must not contain blank id, but got blank id at index position: [" + blanks[0] + "]"
	case len(blanks) > 1:
		problem = "Field [ids] must not contain blank id, but got blank ids at index positions: [" + strings.Join(blanks, ", ") + "]"
	default:
		return nil
	}
	failure := parseFailure("Failed to build [%s] after last required field arrived", parser)
	failure.cause = badRequest("action_request_validation_exception", "Validation Failed: 1: %s;", problem)
	return failure
}

// purge deletes keys that have been dead for longer than the retention, at most once an interval.
func (s *Server) purge(now time.Time) {
	if now.Sub(s.purged) < purgeInterval {
		return
	}
	s.purged = now
	old := func(t *time.Time) bool { return t != nil && now.Sub(*t) > retention }
	s.order = slices.DeleteFunc(s.order, func(id string) bool {
		key := s.keys[id]
		gone := old(key.invalidation) || old(key.expiration)
		if gone {
			delete(s.keys, id)
		}
		return gone
	})
}

// problems lists combinations that exclude each other.
func (w selection) problems(owner bool, verb, idNoun, be string) []string {
	var problems []string
	if (len(w.ids) > 0 || w.name != "") && (w.username != "" || w.realm != "") {
		problems = append(problems, "username or realm name must not be specified when the "+idNoun+" or api key name "+be+" specified")
	}
	if owner && (w.username != "" || w.realm != "") {
		problems = append(problems, "neither username nor realm-name may be specified when "+verb+" owned API keys")
	}
	if len(w.ids) > 0 && w.name != "" {
		problems = append(problems, "only one of ["+idNoun+", api key name] can be specified")
	}
	return problems
}

// limitedToOwn reports whether a request touches only what manage_own_api_key covers: an API key
// sees and ends itself, a user what he owns (contract B2 and B4).
func (c subject) limitedToOwn(wanted selection, owner bool) bool {
	if c.key != nil {
		return len(wanted.ids) == 1 && wanted.ids[0] == c.key.id
	}
	return owner || (wanted.username == c.user.Name && wanted.realm == c.user.realm.Name)
}
