package agentkey_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

func descriptor(application string, resources []string, privileges ...string) agentkey.RoleDescriptor {
	return agentkey.RoleDescriptor{Applications: []agentkey.ApplicationPrivileges{{Application: application, Privileges: privileges, Resources: resources}}}
}

var everything = []string{"*"}

// Trap 12: nothing is managed that is not what Kibana creates.
func TestDeviations_tellAnAgentKeyFromAnyOther(t *testing.T) {
	tests := map[string]struct {
		change func(*agentkey.Key)
		want   []string
	}{
		"an agent key":                {func(*agentkey.Key) {}, nil},
		"before 8.10 without type":    {func(k *agentkey.Key) { k.Type = "" }, nil},
		"before 8.5, nothing is told": {func(k *agentkey.Key) { k.RoleDescriptors = nil }, nil},
		"descriptor of another name": {
			func(k *agentkey.Key) {
				k.RoleDescriptors = map[string]agentkey.RoleDescriptor{"x": descriptor("apm", everything, "event:write")}
			}, nil,
		},
		"cross cluster": {func(k *agentkey.Key) { k.Type = "cross_cluster" }, []string{`its type is "cross_cluster", not "rest"`}},
		"other metadata": {
			func(k *agentkey.Key) { k.Application = "other" }, []string{`its metadata.application is "other", not "apm"`},
		},
		"no metadata": {func(k *agentkey.Key) { k.Application = "" }, []string{`its metadata.application is "", not "apm"`}},
		"no descriptor": {
			func(k *agentkey.Key) { k.RoleDescriptors = map[string]agentkey.RoleDescriptor{} },
			[]string{"it has no role descriptor, so it has all privileges of its owner"},
		},
		"descriptor without privileges": {
			func(k *agentkey.Key) { k.RoleDescriptors = map[string]agentkey.RoleDescriptor{"apm": {}} },
			[]string{`its role descriptor grants no privilege of the application "apm"`},
		},
		"narrower resources": {
			func(k *agentkey.Key) { k.RoleDescriptors["apm"] = descriptor("apm", []string{"a", "b"}, "event:write") },
			[]string{"its privileges are limited to the resources a, b"},
		},
		"more besides": {
			func(k *agentkey.Key) {
				k.RoleDescriptors["more"] = agentkey.RoleDescriptor{Other: []string{"cluster", "indices"}}
			},
			[]string{"its role descriptor also grants cluster, indices"},
		},
		"another application": {
			func(k *agentkey.Key) { k.RoleDescriptors["more"] = descriptor("kibana-.kibana", everything, "all") },
			[]string{`its role descriptor also grants privileges of the application "kibana-.kibana"`},
		},
		"another application alone": {
			func(k *agentkey.Key) { k.RoleDescriptors["apm"] = descriptor("other", everything, "event:write") },
			[]string{
				`its role descriptor also grants privileges of the application "other"`,
				`its role descriptor grants no privilege of the application "apm"`,
			},
		},
		"everything at once, sorted": {
			func(k *agentkey.Key) {
				more := agentkey.RoleDescriptor{Other: []string{"cluster"}}
				k.Type, k.Application, k.RoleDescriptors = "cross_cluster", "x", map[string]agentkey.RoleDescriptor{"a": more, "b": more}
			},
			[]string{
				`its metadata.application is "x", not "apm"`, "its role descriptor also grants cluster",
				`its role descriptor grants no privilege of the application "apm"`, `its type is "cross_cluster", not "rest"`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key := agentkey.Key{
				Type: "rest", Application: "apm", RoleDescriptors: map[string]agentkey.RoleDescriptor{"apm": descriptor("apm", everything, "event:write")},
			}
			test.change(&key)
			if diff := cmp.Diff(test.want, key.Deviations()); diff != "" {
				t.Errorf("the deviations differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrivileges_areASortedSetOfTheApplication(t *testing.T) {
	key := agentkey.Key{RoleDescriptors: map[string]agentkey.RoleDescriptor{
		"a": descriptor("apm", everything, "event:write", "config_agent:read"),
		"b": descriptor("apm", everything, "event:write"),
		"c": descriptor("other", everything, "x"),
	}}
	if got, told := key.Privileges(); !told || !slices.Equal(got, agentkey.Privileges()) {
		t.Errorf("got %v, %t", got, told)
	}
	if got, told := (agentkey.Key{}).Privileges(); told || got != nil {
		t.Errorf("before 8.5: got %v, %t", got, told)
	}
	if got, told := (agentkey.Key{RoleDescriptors: map[string]agentkey.RoleDescriptor{}}).Privileges(); !told || len(got) != 0 {
		t.Errorf("no descriptors: got %v, %t", got, told)
	}
}

func TestIdentity_ownsWhatItsUserCreated(t *testing.T) {
	user := agentkey.Identity{Username: "u", Realm: "r"}
	tests := map[string]struct {
		identity        agentkey.Identity
		username, realm string
		want            bool
	}{
		"the same":                    {user, "u", "r", true},
		"another user":                {user, "x", "r", false},
		"another realm":               {user, "u", "x", false},
		"unknown owner":               {user, "", "", false},
		"nobody and unknown owner":    {agentkey.Identity{}, "", "", false},
		"an API key of the same user": {agentkey.Identity{Username: "u", Realm: "_es_api_key", APIKeyID: "k"}, "u", "r", false},
		"an API key owns no sibling":  {agentkey.Identity{Username: "u", Realm: "_es_api_key", APIKeyID: "k"}, "u", "_es_api_key", false},
		"a Cloud API key":             {agentkey.Identity{Username: "c", Realm: "_cloud_api_key", APIKeyID: "c", Cloud: true}, "c", "_cloud_api_key", true},
	}
	for name, test := range tests {
		if got := test.identity.Owns(test.username, test.realm); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}

func TestNames_forMessages(t *testing.T) {
	for want, named := range map[string]fmt.Stringer{
		"u (realm r)":              agentkey.Identity{Username: "u", Realm: "r"},
		"API key k of u":           agentkey.Identity{Username: "u", Realm: "_es_api_key", APIKeyID: "k"},
		"c (realm _cloud_api_key)": agentkey.Identity{Username: "c", Realm: "_cloud_api_key", APIKeyID: "c", Cloud: true},
	} {
		if got := named.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (agentkey.Key{Username: "u", Realm: "r"}).Owner(); got != "u (realm r)" {
		t.Errorf("got %q", got)
	}
}

func TestCreated_isShownWithoutItsSecret(t *testing.T) {
	created := agentkey.Created{ID: "id", Name: "name", APIKey: secret.New("s3cr3t"), Encoded: agentkey.Encode("id", "s3cr3t")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		shown := fmt.Sprintf(verb, created) + fmt.Sprintf(verb, &created) + fmt.Sprintf(verb, agentkey.Imported{APIKey: created.APIKey, Encoded: created.Encoded})
		if strings.Contains(shown, "s3cr3t") || strings.Contains(shown, "aWQ6czNjcjN0") {
			t.Errorf("%s shows the secret", verb)
		}
	}
	if created.Encoded.Reveal() != "aWQ6czNjcjN0" {
		t.Error("what agents send is not base64 of id:api_key")
	}
}
