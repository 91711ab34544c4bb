package elasticsearch_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

const page = "<html><head><title>Gateway</title></head></html>"

// Contract B9, and what stands in Elasticsearch's place instead.
func TestClient_explainsTheAnswer(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html"}}
	kibana := http.Header{"Kbn-Name": {"kibana"}, "Content-Type": {"text/html"}}
	tests := map[string]struct {
		status    int
		header    http.Header
		body      string
		kind      error
		errorType string
		reason    string
	}{
		"error": {
			400, nil, `{"error":{"root_cause":[{"type":"a","reason":"b"}],"type":"illegal_argument_exception","reason":"no","caused_by":{"type":"c","reason":"d"}},"status":400}`,
			apierror.ErrBadRequest, "illegal_argument_exception", "no",
		},
		"error as a text": {405, nil, `{"error":"Incorrect HTTP method for uri","status":405}`, apierror.ErrBadRequest, "", "Incorrect HTTP method for uri"},
		"error as a list": {400, nil, `{"error":["a"],"status":400}`, apierror.ErrBadRequest, "", ""},
		"without words":   {400, nil, `{"error":{},"status":400}`, apierror.ErrBadRequest, "", ""},
		"401": {
			401, nil, `{"error":{"type":"security_exception","reason":"unable to authenticate","additional_unsuccessful_credentials":"API key: expired",` +
				`"header":{"WWW-Authenticate":["Basic"]}},"status":401}`,
			apierror.ErrUnauthorized, "security_exception", "unable to authenticate (API key: expired)",
		},
		"401 for several reasons": {
			401, nil, `{"error":{"type":"security_exception","reason":"no","additional_unsuccessful_credentials":["API key: expired","token: gone"]},"status":401}`,
			apierror.ErrUnauthorized, "security_exception", "no (API key: expired; token: gone)",
		},
		"403": {403, nil, `{"error":{"type":"security_exception","reason":"is unauthorized"},"status":403}`, apierror.ErrForbidden, "security_exception", "is unauthorized"},
		"404": {404, nil, `{"error":{"type":"resource_not_found_exception","reason":"no API key"},"status":404}`, apierror.ErrNotFound, "resource_not_found_exception", "no API key"},
		"429": {429, nil, `{"error":{"type":"circuit_breaking_exception","reason":"Data too large"},"status":429}`, apierror.ErrRateLimited, "circuit_breaking_exception", "Data too large"},
		"500": {500, nil, `{"error":{"type":"null_pointer_exception","reason":null},"status":500}`, apierror.ErrServer, "null_pointer_exception", ""},
		"503": {503, nil, `{"error":{"type":"cluster_block_exception","reason":"no master"},"status":503}`, apierror.ErrUnavailable, "cluster_block_exception", "no master"},

		"a proxy's 401":    {401, html, page, apierror.ErrWrongProduct, "", "not an answer of Elasticsearch (its content type is text/html)"},
		"a proxy's 404":    {404, html, page, apierror.ErrWrongProduct, "", "not an answer of Elasticsearch (its content type is text/html)"},
		"a proxy's 408":    {408, html, page, apierror.ErrTimeout, "", "not an answer of Elasticsearch (its content type is text/html)"},
		"a proxy's 413":    {413, html, page, apierror.ErrWrongProduct, "", "not an answer of Elasticsearch (its content type is text/html)"},
		"a proxy's 429":    {429, html, page, apierror.ErrRateLimited, "", "not an answer of Elasticsearch (its content type is text/html)"},
		"a proxy's 502":    {502, html, page, apierror.ErrUnavailable, "", "not an answer of Elasticsearch (its content type is text/html)"},
		"Elastic Cloud's":  {404, http.Header{"Content-Type": {"application/json"}}, `{"ok":false,"message":"Unknown resource."}`, apierror.ErrWrongProduct, "", "not an answer of Elasticsearch (its content type is application/json)"},
		"Kibana's":         {404, nil, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`, apierror.ErrWrongProduct, "", "this is Kibana, not Elasticsearch"},
		"a gateway's 429":  {429, http.Header{"Content-Type": {"application/json"}}, `{"statusCode":429,"message":"slow down"}`, apierror.ErrRateLimited, "", "not an answer of Elasticsearch (its content type is application/json)"},
		"Kibana by header": {404, kibana, page, apierror.ErrWrongProduct, "", "this is Kibana, not Elasticsearch"},
		"words that forge": {400, nil, `{"error":{"type":"\u001b[2J","reason":"\u202eevil\nsecond line"}}`, apierror.ErrBadRequest, "\ufffd[2J", "\ufffdevil second line"},
		"words that repeat": {
			400, nil, `{"error":{"type":"` + password + `","reason":"bad ` + password + ` given"}}`, apierror.ErrBadRequest, "[redacted]", "bad [redacted] given",
		},
	}
	for name, test := range tests {
		for call, do := range calls() {
			t.Run(name+" "+call, func(t *testing.T) {
				client, _ := answering(t, test.status, test.header, test.body)
				failure := transporttest.FailureOf(t, do(t.Context(), client), test.kind)
				if failure.Type != test.errorType || failure.Status != test.status {
					t.Errorf("type %q, want %q; status %d", failure.Type, test.errorType, failure.Status)
				}
				if test.header == nil && strings.HasPrefix(failure.Reason, "not an answer") || failure.Reason != test.reason {
					t.Errorf("reason %q, want %q", failure.Reason, test.reason)
				}
			})
		}
	}
}

func TestClient_recognisesKibanaAtElasticsearchsAddress(t *testing.T) {
	stack := newStack(t)
	for password, c := range map[string]credential.Credential{"right": basic(), "wrong": credential.NewBasic(username, secret.New("wrong"))} {
		for call, do := range calls() {
			t.Run(password+" password "+call, func(t *testing.T) {
				mustFail(t, do(t.Context(), newClient(t, stack.KibanaURL(), c)), apierror.ErrWrongProduct)
			})
		}
	}
}

func TestClient_repeatsReadsAndRevokes(t *testing.T) {
	stack := newStack(t)
	key := seed(t, stack, nil)
	client := newClient(t, stack.ElasticsearchURL(), basic())
	for name, fault := range map[string]fakestack.Fault{
		"429": fakestack.TooManyRequests("1"), "502": fakestack.ProxyHTML(502), "503": fakestack.ProxyHTML(503), "504": fakestack.ProxyHTML(504),
		"reset": fakestack.Reset(), "closed afterwards": fakestack.CloseWithoutAnswer().After(), "truncated": fakestack.TruncateBody(),
	} {
		stack.Elasticsearch.ResetRequests()
		stack.Elasticsearch.Inject(fault.Once())
		keys, err := client.FindKeys(t.Context(), agentkey.Query{IDs: []string{key.ID}})
		if err != nil || len(keys) != 1 {
			t.Errorf("%s: found %d keys: %v", name, len(keys), err)
		}
		if requests := stack.Elasticsearch.Requests(); len(requests) != 2 {
			t.Errorf("%s: %d requests were sent, want 2", name, len(requests))
		}
	}
	stack.Elasticsearch.Inject(fakestack.CloseWithoutAnswer().After().Once())
	// The first request revoked the key, so the second finds nothing to do (contract B4).
	if done, err := client.Invalidate(t.Context(), key.ID, true); done || err != nil {
		t.Errorf("got %t, %v", done, err)
	}
	if record, err := stack.Key(t.Context(), key.ID); err != nil || !record.Invalidated {
		t.Errorf("the key is alive: %v", err)
	}
}
