package elasticsearch_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/elasticsearch"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

const (
	noKeys    = `{"total":0,"count":0,"api_keys":[]}`
	findKeys  = "/_security/_query/api_key"
	hasRights = "/_security/user/_has_privileges"
)

// Contract B: what is asked, and with which words.
func TestClient_sendsWhatElasticsearchUnderstands(t *testing.T) {
	find := func(query agentkey.Query) func(context.Context, *elasticsearch.Client) error {
		return func(ctx context.Context, c *elasticsearch.Client) error {
			_, err := c.FindKeys(ctx, query)
			return err
		}
	}
	update := func(change agentkey.Update) func(context.Context, *elasticsearch.Client) error {
		return func(ctx context.Context, c *elasticsearch.Client) error { return c.UpdateKey(ctx, "x", change) }
	}
	filter := func(filters string) string {
		return `{"query":{"bool":{"filter":` + filters + `}},"size":1000,"sort":[{"creation":{"order":"desc"}}]}`
	}
	const alive = `{"bool":{"must_not":[{"term":{"invalidated":true}},{"range":{"expiration":{"lte":"now"}}}]}}`
	const whoever = `{"username":"u","authentication_realm":{"name":"r"}}`
	tests := map[string]struct {
		call              func(context.Context, *elasticsearch.Client) error
		answer            string
		method, uri, body string
	}{
		"who am I":      {calls()["Authenticate"], whoever, "GET", "/_security/_authenticate", ""},
		"sees all keys": {calls()["SeesEveryKey"], `{"cluster":{}}`, "POST", hasRights, `{"cluster":["manage_security","manage_api_key","read_security"]}`},
		"lacks": {
			calls()["MissingPrivileges"], `{"application":{}}`, "POST", hasRights,
			`{"application":[{"application":"apm","privileges":["event:write"],"resources":["*"]}]}`,
		},
		"revoke own": {calls()["Invalidate"], `{}`, "DELETE", "/_security/api_key", `{"ids":["VuaCfGcBCdbkQm-e5aOx"],"owner":true}`},
		"revoke another's": {
			func(ctx context.Context, c *elasticsearch.Client) error {
				_, err := c.Invalidate(ctx, "x", false)
				return err
			},
			`{}`, "DELETE", "/_security/api_key", `{"ids":["x"],"owner":false}`,
		},
		"expire": {update(agentkey.Update{Expiration: 90 * time.Minute}), `{"updated":true}`, "PUT", "/_security/api_key/x", `{"expiration":"5400000ms"}`},
		"narrow": {
			update(agentkey.Update{Privileges: []string{"event:write"}}), `{"updated":false}`, "PUT", "/_security/api_key/x",
			`{"role_descriptors":{"apm":{"cluster":[],"indices":[],"applications":[{"application":"apm","privileges":["event:write"],"resources":["*"]}]}}}`,
		},
		"change nothing":  {update(agentkey.Update{}), `{"updated":false}`, "PUT", "/_security/api_key/x", `{}`},
		"find by id":      {find(agentkey.Query{IDs: []string{"a", "b"}}), noKeys, "POST", findKeys, filter(`[{"ids":{"values":["a","b"]}}]`)},
		"find by name":    {find(agentkey.Query{Name: "a*"}), noKeys, "POST", findKeys, filter(`[{"term":{"name":"a*"}}]`)},
		"find by owner":   {find(agentkey.Query{Username: "u"}), noKeys, "POST", findKeys, filter(`[{"term":{"username":"u"}}]`)},
		"find agent keys": {find(agentkey.Query{Application: "apm"}), noKeys, "POST", findKeys, filter(`[{"term":{"metadata.application":"apm"}}]`)},
		"find living":     {find(agentkey.Query{Alive: true}), noKeys, "POST", findKeys, filter(`[` + alive + `]`)},
		"find expired":    {find(agentkey.Query{ExpiredNow: true}), noKeys, "POST", findKeys, filter(`[{"range":{"expiration":{"lte":"now"}}}]`)},
		"find ending":     {find(agentkey.Query{ExpiresWithin: time.Hour}), noKeys, "POST", findKeys, filter(`[{"range":{"expiration":{"lte":"now+3600s"}}}]`)},
		"find younger":    {find(agentkey.Query{CreatedWithin: 89500 * time.Millisecond}), noKeys, "POST", findKeys, filter(`[{"range":{"creation":{"gte":"now-90s"}}}]`)},
		"find older":      {find(agentkey.Query{CreatedBefore: time.Minute}), noKeys, "POST", findKeys, filter(`[{"range":{"creation":{"lte":"now-60s"}}}]`)},
		"find more": {
			find(agentkey.Query{Name: "a", Page: 2}), noKeys, "POST", findKeys,
			`{"query":{"bool":{"filter":[{"term":{"name":"a"}}]}},"size":1000,"sort":[{"creation":{"order":"desc"}}],"from":2000}`,
		},
		"find by everything": {
			find(agentkey.Query{IDs: []string{"a"}, Name: "n", Username: "u", Application: "apm", Alive: true}), noKeys, "POST", findKeys,
			filter(`[{"ids":{"values":["a"]}},{"term":{"name":"n"}},{"term":{"username":"u"}},{"term":{"metadata.application":"apm"}},` + alive + `]`),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, got := answering(t, http.StatusOK, nil, test.answer)
			if err := test.call(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if got.Method != test.method || got.URI != test.uri {
				t.Errorf("sent %s %s, want %s %s", got.Method, got.URI, test.method, test.uri)
			}
			if diff := cmp.Diff(decode(t, test.body), decode(t, got.Body)); diff != "" {
				t.Errorf("the body differs (-want +got):\n%s", diff)
			}
			if test.body != "" && got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("the content type is %q", got.Header.Get("Content-Type"))
			}
			if got.Authorization != "Basic dGVycmFmb3JtOnBhNTV3b3JkLTBmLXRlcnJhZm9ybQ==" {
				t.Error("sent another credential")
			}
		})
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%q is no JSON", text)
	}
	return value
}

// The secret of a key is checked by authenticating with it, and with nothing else.
func TestAuthenticateKey_sendsTheKeyAlone(t *testing.T) {
	client, got := answering(t, http.StatusOK, nil, `{"username":"u","authentication_realm":{"name":"_es_api_key"},"api_key":{"id":"VuaCfGcBCdbkQm-e5aOx"}}`)
	encoded := agentkey.Encode(keyID, "ui2lp2axTNmsyakw9tvNnw")
	identity, err := client.AuthenticateKey(t.Context(), encoded)
	if err != nil {
		t.Fatal(err)
	}
	if got.Authorization != "ApiKey "+encoded.Reveal() || got.URI != "/_security/_authenticate" {
		t.Error("sent something else")
	}
	if identity != (agentkey.Identity{Username: "u", Realm: "_es_api_key", APIKeyID: keyID}) {
		t.Errorf("got %+v", identity)
	}
	if err := calls()["Authenticate"](t.Context(), client); err != nil || got.Authorization[:6] != "Basic " {
		t.Error("the client itself has changed")
	}
}

func TestNew_refusesUnusableOptions(t *testing.T) {
	if _, err := elasticsearch.New(transport.Config{TLS: transport.TLS{CAData: "no PEM"}}); err == nil {
		t.Error("accepted")
	}
}
