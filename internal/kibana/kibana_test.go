package kibana_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/kibana"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

const created = `{"agentKey":{"id":"VuaCfGcBCdbkQm-e5aOx","name":"checkout","api_key":"ui2lp2axTNmsyakw9tvNnw","encoded":"VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="}}`

// Contract A1: the headers that Kibana wants, none that it refuses, and no field but two.
func TestCreateAgentKey_sendsWhatTheRouteAsksFor(t *testing.T) {
	var method, uri, body string
	var header http.Header
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		method, uri, header, body = r.Method, r.RequestURI, r.Header, string(sent)
		_, _ = io.WriteString(w, created)
	}))
	t.Cleanup(backend.Close)
	if _, err := newClient(t, backend.URL, "", basic()).CreateAgentKey(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if method != http.MethodPost || uri != "/api/apm/agent_keys" {
		t.Errorf("sent %s %s", method, uri)
	}
	if want := `{"name":"checkout","privileges":["event:write","config_agent:read"]}`; body != want {
		t.Errorf("sent the body %s, want %s", body, want)
	}
	if got := header.Get("Authorization"); got != "Basic dGVycmFmb3JtOnBhNTV3b3JkLTBmLXRlcnJhZm9ybQ==" {
		t.Error("sent another credential")
	}
	for _, varying := range []string{"Authorization", "User-Agent", "Content-Length", "Accept-Encoding"} {
		header.Del(varying)
	}
	want := http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/json"}, "Kbn-Xsrf": {"true"}, "Elastic-Api-Version": {"2023-10-31"},
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("the headers differ (-want +got):\n%s", diff)
	}
}

func TestCreateAgentKey_goesToItsSpace(t *testing.T) {
	for _, test := range []struct{ base, space, want string }{
		{"", "", "/api/apm/agent_keys"},
		{"", "default", "/api/apm/agent_keys"},
		{"", "observability", "/s/observability/api/apm/agent_keys"},
		{"/base", "", "/base/api/apm/agent_keys"},
		{"/base", "observability", "/base/s/observability/api/apm/agent_keys"},
		{"", "../internal?x#y", "/s/..%2Finternal%3Fx%23y/api/apm/agent_keys"},
	} {
		var got string
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.RequestURI
			_, _ = io.WriteString(w, created)
		}))
		t.Cleanup(backend.Close)
		if _, err := newClient(t, backend.URL+test.base, test.space, basic()).CreateAgentKey(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("base path %q, space %q: sent to %s, want %s", test.base, test.space, got, test.want)
		}
	}
}

func TestCreateAgentKey_returnsAKeyThatAuthenticates(t *testing.T) {
	stack := newStack(t, fakestack.Options{Spaces: []string{"observability"}})
	token, err := stack.SeedToken(t.Context(), username, password)
	if err != nil {
		t.Fatal(err)
	}
	for i, client := range []*kibana.Client{
		newClient(t, stack.KibanaURL(), "", basic()), newClient(t, stack.KibanaURL(), "observability", credential.NewBearer(secret.New(token))),
	} {
		stack.Kibana.ResetRequests()
		got, err := client.CreateAgentKey(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		keys := mustHold(t, stack, i+1)
		made := keys[slices.IndexFunc(keys, func(key fakestack.KeyRecord) bool { return key.ID == got.ID })]
		slices.Sort(made.Privileges)
		if made.Name != "checkout" || got.Name != "checkout" || made.Username != username || !slices.Equal(made.Privileges, agentkey.Privileges()) {
			t.Errorf("the server made %+v", made)
		}
		if !stack.Authenticates(t.Context(), got.Encoded.Reveal()) || got.Encoded.Reveal() != agentkey.Encode(got.ID, got.APIKey.Reveal()).Reveal() {
			t.Error("the key does not authenticate")
		}
		if requests := stack.Kibana.Requests(); len(requests) != 1 {
			t.Errorf("%d requests were sent, want 1", len(requests))
		}
	}
}

func TestCreateAgentKey_encodesTheKeyWhereKibanaDoesNot(t *testing.T) {
	client := answering(t, 200, nil, `{"agentKey":{"id":"VuaCfGcBCdbkQm-e5aOx","name":"checkout","api_key":"ui2lp2axTNmsyakw9tvNnw"},"_inspect":[]}`)
	got, err := client.CreateAgentKey(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got.Encoded.Reveal() != "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==" || got.APIKey.Reveal() != "ui2lp2axTNmsyakw9tvNnw" {
		t.Error("the key is another one")
	}
}

// There is a key, but not the whole of it: that is neither a success nor the certainty that nothing was made.
func TestCreateAgentKey_isUndecidedWhenTheAnswerIsNotThatOfANewKey(t *testing.T) {
	const apiKey, encoded = "ui2lp2axTNmsyakw9tvNnw", "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
	tests := map[string]struct{ body, words string }{
		"empty":              {"", "not the JSON"},
		"a text":             {"Welcome", "content type is text/plain"},
		"truncated":          {created[:len(created)-20], "not the JSON"},
		"another document":   {`{"ok":true}`, "no agentKey.id"},
		"null":               {`null`, "no agentKey.id"},
		"a list":             {`[]`, "not the JSON"},
		"id of another type": {strings.Replace(created, `"VuaCfGcBCdbkQm-e5aOx"`, `7`, 1), "not the JSON"},
		"without id":         {strings.Replace(created, `"id"`, `"ID-"`, 1), "no agentKey.id"},
		"without secret":     {strings.Replace(created, `"api_key"`, `"key"`, 1), "id VuaCfGcBCdbkQm-e5aOx but no agentKey.api_key"},
		"another name":       {strings.Replace(created, `checkout`, `other\u001b[2J`, 1), `id VuaCfGcBCdbkQm-e5aOx but the name "other\x1b[2J"`},
		"wrong encoded":      {strings.Replace(created, encoded, "QUFBQTpCQkJC", 1), "id VuaCfGcBCdbkQm-e5aOx but an agentKey.encoded"},
		"id that forges":     {strings.Replace(created, "VuaCfGcBCdbkQm-e5aOx", `\u001b[2J\n`+password, 1), "id \ufffd[2J [redacted] but"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := answering(t, 200, nil, test.body).CreateAgentKey(t.Context(), spec)
			failure := transporttest.FailureOf(t, err, apierror.ErrWrongAnswer)
			if !failure.Undecided || failure.Undelivered || failure.Status != 200 {
				t.Errorf("undecided %t, undelivered %t, status %d", failure.Undecided, failure.Undelivered, failure.Status)
			}
			for _, s := range []string{apiKey, encoded, "QUFBQTpCQkJC", password} {
				if strings.Contains(err.Error(), s) {
					t.Error("the error shows a secret")
				}
			}
			if !strings.Contains(err.Error(), test.words) {
				t.Errorf("the error does not say %q", test.words)
			}
			if !got.APIKey.IsZero() || got.ID != "" {
				t.Error("a key is returned with an error")
			}
		})
	}
}

func TestCreateAgentKey_recognisesAWebPage(t *testing.T) {
	_, err := answering(t, 200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<html>Welcome</html>").CreateAgentKey(t.Context(), spec)
	failure := transporttest.FailureOf(t, err, apierror.ErrWrongProduct)
	if !failure.Undecided || !strings.HasPrefix(failure.URL, "http://127.0.0.1:") || !strings.Contains(err.Error(), "a web page, not an answer of Kibana") {
		t.Errorf("undecided %t, %v", failure.Undecided, err)
	}
}

// What arrived may have made a key, so it is sent once whatever comes back.
func TestCreateAgentKey_isSentOnceWhenItArrived(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{
		"reset": fakestack.Reset(), "reset afterwards": fakestack.Reset().After(), "closed": fakestack.CloseWithoutAnswer().After(),
		"502": fakestack.ProxyHTML(502).After(), "503": fakestack.ProxyHTML(503), "504": fakestack.ProxyHTML(504).After(),
		"truncated": fakestack.TruncateBody(), "408": fakestack.Respond(408, nil, ""), "499": fakestack.Respond(499, nil, ""), "500": fakestack.Respond(500, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			stack := newStack(t, fakestack.Options{})
			stack.Kibana.Inject(fault.Once())
			_, err := newClient(t, stack.KibanaURL(), "", basic()).CreateAgentKey(t.Context(), spec)
			failure, ok := err.(*apierror.Error) //nolint:errorlint // The client's error is not wrapped.
			if !ok || !failure.Undecided {
				t.Errorf("got %v, want an undecided error", err)
			}
			if requests := stack.Kibana.Requests(); len(requests) != 1 {
				t.Errorf("%d requests were sent, want 1", len(requests))
			}
		})
	}
}

func TestCreateAgentKey_isRepeatedWhenItDidNothing(t *testing.T) {
	for name, fault := range map[string]fakestack.Fault{"not ready": fakestack.KibanaNotReady(), "too many": fakestack.TooManyRequests("1")} {
		t.Run(name, func(t *testing.T) {
			stack := newStack(t, fakestack.Options{})
			stack.Kibana.Inject(fault.Once())
			if _, err := newClient(t, stack.KibanaURL(), "", basic()).CreateAgentKey(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			mustHold(t, stack, 1)
			if requests := stack.Kibana.Requests(); len(requests) != 2 {
				t.Errorf("%d requests were sent, want 2", len(requests))
			}
		})
	}
}

func TestNew_refusesUnusableOptions(t *testing.T) {
	if _, err := kibana.New(transport.Config{TLS: transport.TLS{CAData: "no PEM"}}, ""); err == nil {
		t.Error("accepted")
	}
}
