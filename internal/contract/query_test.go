package contract_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const queryPath = "/_security/_query/api_key"

func byID(ids ...string) object {
	return object{"query": object{"ids": object{"values": ids}}}
}

// TestQuery_dependsOnWhoAsks: what one may not see is left out without a word.
func TestQuery_dependsOnWhoAsks(t *testing.T) {
	t.Parallel()
	mine, theirs := newAgentKey(t, w.creator), newAgentKey(t, w.other)
	own := newRoleKey(t, w.creator, "manage_own_api_key")
	for _, test := range []struct {
		name   string
		caller func(*testing.T) caller
		sees   []string // nil: refused.
	}{
		{"creator", as(w.creator), []string{mine.id, own.id}},
		{"creator's token", func(t *testing.T) caller { return newToken(t, w.creator) }, []string{mine.id, own.id}},
		{"another user of the same rights", as(w.other), []string{theirs.id}},
		{"manage_api_key", as(w.manager), []string{mine.id, theirs.id, own.id}},
		{"read_security", as(w.reader), []string{mine.id, theirs.id, own.id}},
		{"superuser", as(w.admin), []string{mine.id, theirs.id, own.id}},
		{"nobody", as(w.nobody), nil},
		{"an agent key", as(mine.caller()), nil},
		{"creator's key with manage_own_api_key", as(own.caller()), []string{own.id}},
		{"manager's key with manage_api_key", func(t *testing.T) caller { return newRoleKey(t, w.manager, "manage_api_key").caller() }, []string{mine.id, theirs.id, own.id}},
		{"superuser's key", func(t *testing.T) caller { return newKey(t, w.admin, object{"name": uniqueName()}).caller() }, []string{mine.id, theirs.id, own.id}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := query(t, test.caller(t), byID(mine.id, theirs.id, own.id, unknownID))
			if test.sees == nil {
				a.wantError(t, http.StatusForbidden, "security_exception",
					"this action is granted by the cluster privileges [manage_own_api_key,read_security,manage_api_key,manage_security,all]")
				return
			}
			a.wantKeys(t, test.sees...)
			if a.number("total") != float64(len(test.sees)) || a.number("count") != float64(len(test.sees)) {
				t.Errorf("%s; want total and count %d", a, len(test.sees))
			}
		})
	}
}

func TestQuery_ofUnknownKeysIsEmpty(t *testing.T) {
	t.Parallel()
	query(t, w.admin, byID(unknownID)).wantBody(t, http.StatusOK, object{"total": 0., "count": 0., "api_keys": list{}})
}

func TestQuery_showsTheSameFieldsAsARead(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	read := get(t, w.creator, k.id, "owner=true").want(t, http.StatusOK)
	query(t, w.creator, byID(k.id)).wantBody(t, http.StatusOK, object{"total": 1., "count": 1., "api_keys": read.at("api_keys")})
}

func TestQuery_takesFiveThousandIDs(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	ids := []string{k.id}
	for i := range 4999 {
		ids = append(ids, fmt.Sprintf("unknown-%012d", i))
	}
	query(t, w.creator, byID(ids...)).wantKeys(t, k.id)
}

func TestQuery_worksWithGETToo(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	send(t, w.creator, http.MethodGet, queryPath, byID(k.id)).wantKeys(t, k.id)
}

func TestQuery_findsByField(t *testing.T) {
	t.Parallel()
	user := newUser(t, creatorRole)
	name := uniqueName()
	live := newKey(t, user, agentKey(name, "event:write"))
	dead := newInvalidatedKey(t, user)
	expired := newExpiredKey(t, user)
	plain := newRoleKey(t, user, "manage_own_api_key")

	term := func(field string, value any) object { return object{"term": object{field: value}} }
	ranged := func(field, operator, value string) object {
		return object{"range": object{field: object{operator: value}}}
	}
	for label, test := range map[string]struct {
		query object
		want  []string
	}{
		"everything":         {object{"match_all": object{}}, []string{live.id, dead.id, expired.id, plain.id}},
		"name":               {term("name", name), []string{live.id}},
		"agent keys":         {term("metadata.application", "apm"), []string{live.id, dead.id, expired.id}},
		"invalidated":        {term("invalidated", true), []string{dead.id}},
		"user":               {term("username", user.username), []string{live.id, dead.id, expired.id, plain.id}},
		"another user":       {term("username", w.creator.username), nil},
		"created just now":   {ranged("creation", "gte", "now-2m"), []string{live.id, dead.id, expired.id, plain.id}},
		"created long ago":   {ranged("creation", "lt", "now-2m"), nil},
		"expired at once":    {ranged("expiration", "lte", "now"), []string{expired.id}},
		"still to expire":    {ranged("expiration", "gt", "now"), nil},
		"with an expiration": {object{"exists": object{"field": "expiration"}}, []string{expired.id}},
		"prefix of a name":   {object{"prefix": object{"name": name[:len(name)-3]}}, []string{live.id}},
		"several names":      {object{"terms": object{"name": list{name, dead.name}}}, []string{live.id, dead.id}},
		"all of these": {
			object{"bool": object{"filter": list{term("metadata.application", "apm"), term("invalidated", false)}}}, []string{live.id, expired.id},
		},
		"none of these": {object{"bool": object{"must_not": list{term("metadata.application", "apm")}}}, []string{plain.id}},
		"this, but none such": {object{"bool": object{
			"must":     list{term("metadata.application", "apm")},
			"must_not": list{ranged("expiration", "lte", "now"), term("invalidated", true)},
		}}, []string{live.id}},
		"one filter of several": {object{"bool": object{"filter": list{
			term("metadata.application", "apm"),
			object{"bool": object{"must_not": list{term("invalidated", true), ranged("expiration", "lte", "now")}}},
		}}}, []string{live.id}},
		"ends by then": {ranged("expiration", "lte", "now+3600s"), []string{expired.id}},
		"at least one": {object{"bool": object{"should": list{term("name", name), term("invalidated", true)}}}, []string{live.id, dead.id}},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			query(t, user, object{"query": test.query}).wantKeys(t, test.want...)
		})
	}
}

// TestQuery_ofNoSizeAsksTheServersClock: with size 0 the answer is a number
// alone, and what it counts is judged by the server's now.
func TestQuery_ofNoSizeAsksTheServersClock(t *testing.T) {
	t.Parallel()
	k := newExpiredKey(t, w.creator)
	a := query(t, w.creator, object{"size": 0, "query": object{"bool": object{"filter": list{
		object{"ids": object{"values": list{k.id}}},
		object{"range": object{"expiration": object{"lte": "now"}}},
	}}}})
	a.wantBody(t, http.StatusOK, object{"total": 1., "count": 0., "api_keys": list{}})
}

func TestQuery_paging(t *testing.T) {
	t.Parallel()
	user := newUser(t, creatorRole)
	var ids []string
	for i := range 11 {
		ids = append(ids, newKey(t, user, agentKey(fmt.Sprintf("%s-%02d", w.prefix, i), "event:write")).id)
	}
	t.Run("ten by default", func(t *testing.T) {
		t.Parallel()
		a := query(t, user, object{}).want(t, http.StatusOK)
		if a.number("total") != 11 || a.number("count") != 10 {
			t.Errorf("total %v, count %v; want 11 and 10", a.at("total"), a.at("count"))
		}
	})
	t.Run("from and size", func(t *testing.T) {
		t.Parallel()
		query(t, user, object{"from": 2, "size": 3, "sort": list{"name"}}).wantKeys(t, ids[2:5]...)
	})
	t.Run("search_after", func(t *testing.T) {
		t.Parallel()
		for _, sort := range []list{
			{"creation", "name"},
			{object{"creation": object{"order": "asc"}}, object{"name": object{"order": "asc"}}},
		} {
			first := query(t, user, object{"size": 6, "sort": sort})
			first.wantKeys(t, ids[:6]...)
			after := first.at("api_keys.5._sort").(list)
			if after[0] != first.at("api_keys.5.creation") || after[1] != first.at("api_keys.5.name") {
				t.Errorf("%s; want _sort to hold creation and name", first)
			}
			query(t, user, object{"size": 6, "sort": sort, "search_after": after}).wantKeys(t, ids[6:]...)
		}
	})
	t.Run("descending", func(t *testing.T) {
		t.Parallel()
		query(t, user, object{"size": 1, "sort": list{object{"creation": object{"order": "desc"}}}}).wantKeys(t, ids[10])
	})
}

func TestQuery_refusesBodies(t *testing.T) {
	t.Parallel()
	const parse, argument = "x_content_parse_exception", "illegal_argument_exception"
	notAllowed := "] is not allowed for querying or aggregation"
	if !w.version.atLeast(9, 0) {
		notAllowed = "] is not allowed for API Key query or aggregation"
	}
	for label, test := range map[string]struct {
		body         object
		kind, reason string
	}{
		"more than the window": {object{"size": 10001}, "search_phase_execution_exception", "Result window is too large"},
		"beyond the window":    {object{"from": 10000, "size": 1}, "search_phase_execution_exception", "Result window is too large"},
		"short form of sort":   {object{"sort": list{object{"creation": "asc"}}}, parse, "[field_sort] Expected START_OBJECT but was: VALUE_STRING"},
		"unknown query":        {object{"query": object{"colour": object{}}}, parse, "unknown query [colour]"},
		"secret":               {object{"query": object{"term": object{"api_key_hash": "x"}}}, argument, "Field [api_key_hash" + notAllowed},
		// A read shows it, and no query may ask for it.
		"realm":         {object{"query": object{"term": object{"realm": "default_native"}}}, argument, "Field [realm" + notAllowed},
		"unknown field": {object{"colour": 1}, parse, "unknown field [colour]"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			query(t, w.admin, test.body).wantError(t, http.StatusBadRequest, test.kind, test.reason)
		})
	}
}

func TestQuery_showsTheOwnersRightsWhenAsked(t *testing.T) {
	t.Parallel()
	k := newAgentKey(t, w.creator)
	a := send(t, w.creator, http.MethodPost, queryPath+"?with_limited_by=true", byID(k.id)).want(t, http.StatusOK)
	if a.at("api_keys.0.limited_by") == nil || !strings.Contains(string(a.raw), w.creator.username) {
		t.Errorf("%s; want limited_by", a)
	}
}
