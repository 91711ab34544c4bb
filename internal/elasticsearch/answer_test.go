package elasticsearch_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

func TestFindKeys_readsKeys(t *testing.T) {
	const full = `{"total":2,"count":2,"api_keys":[
		{"id":"a","name":"checkout","type":"rest","creation":1760000000123,"expiration":1770000000000,"invalidated":true,"invalidation":1765000000000,
		 "username":"terraform","realm":"default_native","realm_type":"native","metadata":{"application":"apm","x":1},
		 "role_descriptors":{"apm":{"cluster":[],"indices":[],"applications":[{"application":"apm","privileges":["event:write"],"resources":["*"]}],
		 "run_as":[],"metadata":{},"transient_metadata":{"enabled":true}}},"profile_uid":"p","_sort":[1]},
		{"id":"b","name":"old","creation":1,"invalidated":false,"username":"u","realm":"r","metadata":{"application":7}}]}`
	client, _ := answering(t, http.StatusOK, nil, full)
	got, err := client.FindKeys(t.Context(), agentkey.Query{IDs: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []agentkey.Key{
		{
			ID: "a", Name: "checkout", Type: "rest", Creation: time.UnixMilli(1760000000123).UTC(), Expiration: time.UnixMilli(1770000000000).UTC(),
			Invalidated: true, Invalidation: time.UnixMilli(1765000000000).UTC(), Username: "terraform", Realm: "default_native", Application: "apm",
			RoleDescriptors: map[string]agentkey.RoleDescriptor{"apm": {
				Applications: []agentkey.ApplicationPrivileges{{Application: "apm", Privileges: []string{"event:write"}, Resources: []string{"*"}}},
			}},
		},
		{ID: "b", Name: "old", Creation: time.UnixMilli(1).UTC(), Username: "u", Realm: "r"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the keys differ (-want +got):\n%s", diff)
	}
}

// Whatever a role descriptor grants beside the application apm must show (trap 12), in releases to come too.
func TestFindKeys_tellsEveryGrantOfARoleDescriptor(t *testing.T) {
	const apm = `"applications":[{"application":"apm","privileges":["event:write"],"resources":["*"]}]`
	tests := map[string]struct {
		descriptor string
		other      []string
	}{
		"as Kibana writes it":  {`{"cluster":[],"index":[],` + apm + `}`, nil},
		"as it is returned":    {`{"cluster":[],"indices":[],` + apm + `,"run_as":[],"metadata":{"a":1},"transient_metadata":{"enabled":true},"description":"words"}`, nil},
		"empty parts":          {`{"cluster": [ ],"global":{ },"remote_indices":null,` + apm + `}`, nil},
		"cluster":              {`{"cluster":["all"],` + apm + `}`, []string{"cluster"}},
		"indices":              {`{"indices":[{"names":["*"],"privileges":["read"]}],` + apm + `}`, []string{"indices"}},
		"remote indices":       {`{"remote_indices":[{"clusters":["*"]}],` + apm + `}`, []string{"remote_indices"}},
		"remote cluster":       {`{"remote_cluster":[{"privileges":["monitor_enrich"]}],` + apm + `}`, []string{"remote_cluster"}},
		"run as":               {`{"run_as":["elastic"],` + apm + `}`, []string{"run_as"}},
		"global":               {`{"global":{"profile":{}},` + apm + `}`, []string{"global"}},
		"workflows":            {`{"restriction":{"workflows":["search_application_query"]},` + apm + `}`, []string{"restriction"}},
		"several":              {`{"run_as":["x"],"cluster":["all"],` + apm + `}`, []string{"cluster", "run_as"}},
		"of a later release":   {`{"telepathy":true,` + apm + `}`, []string{"telepathy"}},
		"applications unread":  {`{"applications":"all"}`, []string{"applications"}},
		"no descriptor at all": {`null`, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, _ := answering(t, http.StatusOK, nil, `{"total":1,"api_keys":[{"id":"a","role_descriptors":{"apm":`+test.descriptor+`}}]}`)
			keys, err := client.FindKeys(t.Context(), agentkey.Query{IDs: []string{"a"}})
			if err != nil {
				t.Fatal(err)
			}
			descriptor := keys[0].RoleDescriptors["apm"]
			if !slices.Equal(descriptor.Other, test.other) {
				t.Errorf("other grants %v, want %v", descriptor.Other, test.other)
			}
			if wanted := strings.Contains(test.descriptor, apm); wanted != (len(descriptor.Applications) == 1) {
				t.Errorf("application privileges %v", descriptor.Applications)
			}
		})
	}
}

// No descriptor and no descriptors told are opposites: all privileges of the owner, and a release before 8.5.
func TestFindKeys_tellsNoDescriptorsFromNoneTold(t *testing.T) {
	for descriptors, told := range map[string]bool{`{}`: true, `null`: false} {
		client, _ := answering(t, http.StatusOK, nil, `{"total":1,"api_keys":[{"id":"a","role_descriptors":`+descriptors+`}]}`)
		keys, err := client.FindKeys(t.Context(), agentkey.Query{IDs: []string{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		if (keys[0].RoleDescriptors != nil) != told {
			t.Errorf("role_descriptors %s became %v", descriptors, keys[0].RoleDescriptors)
		}
	}
}

func TestAuthenticate_tellsWhoIsAsking(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   agentkey.Identity
	}{
		"user": {
			`{"username":"terraform","roles":["x"],"authentication_realm":{"name":"default_native","type":"native"},"lookup_realm":{"name":"other","type":"ldap"},"authentication_type":"realm"}`,
			agentkey.Identity{Username: "terraform", Realm: "default_native"},
		},
		"API key": {
			`{"username":"terraform","authentication_realm":{"name":"_es_api_key","type":"_es_api_key"},"authentication_type":"api_key","api_key":{"id":"k","name":"n","managed_by":"elasticsearch"}}`,
			agentkey.Identity{Username: "terraform", Realm: "_es_api_key", APIKeyID: "k"},
		},
		"API key before 9.1": {
			`{"username":"terraform","authentication_realm":{"name":"_es_api_key"},"authentication_type":"api_key","api_key":{"id":"k"}}`,
			agentkey.Identity{Username: "terraform", Realm: "_es_api_key", APIKeyID: "k"},
		},
		"Cloud API key": {
			`{"username":"c","authentication_realm":{"name":"_cloud_api_key"},"authentication_type":"api_key","api_key":{"id":"c","managed_by":"cloud"}}`,
			agentkey.Identity{Username: "c", Realm: "_cloud_api_key", APIKeyID: "c", Cloud: true},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, _ := answering(t, http.StatusOK, nil, test.answer)
			got, err := client.Authenticate(t.Context())
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestSeesEveryKey_needsOneOfThreePrivileges(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"cluster":{"manage_security":true,"manage_api_key":false,"read_security":false}}`:  true,
		`{"cluster":{"manage_security":false,"manage_api_key":true,"read_security":false}}`:  true,
		`{"cluster":{"manage_security":false,"manage_api_key":false,"read_security":true}}`:  true,
		`{"cluster":{"manage_security":false,"manage_api_key":false,"read_security":false}}`: false,
		`{"has_all_requested":true,"cluster":{"manage_own_api_key":true}}`:                   false,
	} {
		client, _ := answering(t, http.StatusOK, nil, answer)
		if got, err := client.SeesEveryKey(t.Context()); got != want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", answer, got, err, want)
		}
	}
}

func TestMissingPrivileges_namesWhatIsNotGranted(t *testing.T) {
	for answer, want := range map[string][]string{
		`{"application":{"apm":{"*":{"event:write":true,"config_agent:read":true}}}}`:  nil,
		`{"application":{"apm":{"*":{"event:write":true,"config_agent:read":false}}}}`: {"config_agent:read"},
		`{"application":{"apm":{"-":{"event:write":true,"config_agent:read":true}}}}`:  agentkey.Privileges(),
		`{"application":{}}`: agentkey.Privileges(),
	} {
		client, _ := answering(t, http.StatusOK, nil, answer)
		if got, err := client.MissingPrivileges(t.Context(), agentkey.Privileges()); !slices.Equal(got, want) || err != nil {
			t.Errorf("%s: got %v, %v, want %v", answer, got, err, want)
		}
	}
}

// Contract B4: HTTP 200 proves nothing.
func TestInvalidate_believesOnlyAnAnswerThatNamesTheKey(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"invalidated_api_keys":["VuaCfGcBCdbkQm-e5aOx"],"previously_invalidated_api_keys":[],"error_count":0}`:     true,
		`{"invalidated_api_keys":[],"previously_invalidated_api_keys":["x","VuaCfGcBCdbkQm-e5aOx"],"error_count":0}`: true,
		`{"invalidated_api_keys":[],"previously_invalidated_api_keys":[],"error_count":0}`:                           false,
		`{"invalidated_api_keys":["another"],"previously_invalidated_api_keys":[],"error_count":0}`:                  false,
		`{}`: false,
	} {
		client, _ := answering(t, http.StatusOK, nil, answer)
		if got, err := client.Invalidate(t.Context(), keyID, false); got != want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", answer, got, err, want)
		}
	}
}

func TestInvalidate_tellsTheErrorsOfAnAnswer(t *testing.T) {
	client, _ := answering(t, http.StatusOK, nil, `{"invalidated_api_keys":[],"previously_invalidated_api_keys":[],"error_count":1,
		"error_details":[{"type":"version_conflict","reason":"changed by `+password+`\u001b[2J"}]}`)
	_, err := client.Invalidate(t.Context(), keyID, false)
	failure := transporttest.FailureOf(t, err, apierror.ErrWrongAnswer)
	if failure.Type != "version_conflict" || failure.Reason != "changed by [redacted]\ufffd[2J" {
		t.Errorf("type %q, reason of %d bytes", failure.Type, len(failure.Reason))
	}
	client, _ = answering(t, http.StatusOK, nil, `{"error_count":3}`)
	_, err = client.Invalidate(t.Context(), keyID, false)
	if failure := transporttest.FailureOf(t, err, apierror.ErrWrongAnswer); failure.Reason != "3 errors" {
		t.Errorf("reason %q", failure.Reason)
	}
}

// An answer that is not what was asked for must not pass for "there is no such key", "nobody", or "done".
func TestClient_refusesAnswersThatAreNotElasticsearchs(t *testing.T) {
	for name, answer := range map[string]string{
		"empty": "", "page": "<html></html>", "half": `{"total":0,"api_`, "list": `[]`, "text": `"text"`, "number": `7`,
		"other types": `{"username":1,"cluster":1,"application":1,"total":"x","updated":"x","invalidated_api_keys":1}`,
	} {
		for call, do := range calls() {
			t.Run(name+" "+call, func(t *testing.T) {
				client, got := answering(t, http.StatusOK, nil, answer)
				failure := transporttest.FailureOf(t, do(t.Context(), client), apierror.ErrWrongAnswer)
				if failure.Status != http.StatusOK || failure.Method != got.Method || failure.URL != got.URI {
					t.Errorf("the error is of %s %s: %v", failure.Method, failure.URL, failure)
				}
			})
		}
	}
	for call, answers := range map[string][]string{
		"Authenticate": {`{}`, `null`, `{"username":"u"}`, `{"authentication_realm":{"name":"r"}}`},
		"FindKeys": {
			`{}`, `null`, `{"api_keys":[]}`, `{"total":1}`, `{"total":1,"api_keys":[]}`, `{"total":1,"api_keys":[{"id":"another"}]}`, `{"total":1,"api_keys":[{}]}`,
		},
		"UpdateKey": {`{}`, `null`},
	} {
		for _, answer := range answers {
			t.Run(call+" "+answer, func(t *testing.T) {
				client, _ := answering(t, http.StatusOK, nil, answer)
				mustFail(t, calls()[call](t.Context(), client), apierror.ErrWrongAnswer)
			})
		}
	}
}
