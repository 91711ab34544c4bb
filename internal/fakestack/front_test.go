package fakestack_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

func TestFront_notesRequestsWithoutTheirSecrets(t *testing.T) {
	stack := start(t, fakestack.Options{})
	url := stack.ElasticsearchURL() + "/_security/_authenticate?pretty=true"
	if _, err := send(t.Context(), http.MethodGet, url, "", "Cookie", "c=1", "es-secondary-authorization", "x", "X-Mine", "y"); err != nil {
		t.Fatal(err)
	}
	body := `{"cluster":["monitor"]}`
	for _, path := range []string{"/_security/user/_has_privileges", "/_security/user/someone", "/_security/oauth2/token"} {
		if _, err := send(t.Context(), http.MethodPost, stack.ElasticsearchURL()+path, body); err != nil {
			t.Fatal(err)
		}
	}
	requests := stack.Elasticsearch.Requests()
	if len(requests) != 4 {
		t.Fatalf("want 4 requests, got %d", len(requests))
	}
	first := requests[0]
	if first.Method != http.MethodGet || first.Path != "/_security/_authenticate" || first.Query.Get("pretty") != "true" ||
		first.Scheme != "Basic" || first.Username != username || first.Status != http.StatusOK || first.Header.Get("X-Mine") != "y" {
		t.Errorf("the first request is noted wrongly: %s %s, status %d", first.Method, first.Path, first.Status)
	}
	if log := fmt.Sprint(requests); strings.Contains(log, password) ||
		strings.Contains(log, base64.StdEncoding.EncodeToString([]byte(username+":"+password))) {
		t.Error("the log holds the password")
	}
	for _, name := range []string{"Authorization", "Cookie", "Es-Secondary-Authorization"} {
		if _, found := first.Header[name]; found {
			t.Errorf("the log holds the header %s", name)
		}
	}
	if got := string(requests[1].Body); got != body {
		t.Errorf("want the body of a harmless request, got %q", got)
	}
	if requests[2].Body != nil || requests[3].Body != nil {
		t.Error("bodies that hold passwords are in the log")
	}
	stack.Elasticsearch.ResetRequests()
	if left := stack.Elasticsearch.Requests(); len(left) != 0 {
		t.Errorf("want an empty log, got %d requests", len(left))
	}
}

func TestFront_faultsStrikeBeforeOrAfterTheProductActs(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault fakestack.Fault
		keys  int
	}{
		{"before", fakestack.Reset(), 0},
		{"after", fakestack.Reset().After(), 1},
		{"respond before", fakestack.ProxyHTML(http.StatusBadGateway), 0},
		{"respond after", fakestack.ProxyHTML(http.StatusBadGateway).After(), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := start(t, fakestack.Options{})
			stack.Kibana.Inject(test.fault)
			answer, err := create(t, stack)
			if err == nil && answer.status != http.StatusBadGateway {
				t.Errorf("the fault did not strike: status %d", answer.status)
			}
			keys, err := stack.Keys(t.Context())
			if err != nil || len(keys) != test.keys {
				t.Errorf("want %d keys on the server, got %d and error %v", test.keys, len(keys), err)
			}
			requests := stack.Kibana.Requests()
			if len(requests) != 1 || requests[0].Fault != test.fault.Name {
				t.Errorf("want one request with the fault %q in the log, got %+v", test.fault.Name, requests)
			}
		})
	}
}

func TestFront_faultsMatchAndCountAndGo(t *testing.T) {
	stack := start(t, fakestack.Options{})
	url := stack.ElasticsearchURL()
	statuses := func(method, path string, n int) []int {
		t.Helper()
		var got []int
		for range n {
			answer, err := send(t.Context(), method, url+path, "")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, answer.status)
		}
		return got
	}
	stack.Elasticsearch.Inject(fakestack.TooManyRequests("1").On(fakestack.To(http.MethodGet, "/_security/_auth*")).Once())
	if diff := cmp.Diff([]int{403, 429, 200}, append(statuses(http.MethodGet, "/", 1), statuses(http.MethodGet, "/_security/_authenticate", 2)...)); diff != "" {
		t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
	remove := stack.Elasticsearch.Inject(fakestack.Respond(http.StatusTeapot, nil, ""))
	hooks := 0
	stack.Elasticsearch.Inject(fakestack.Hook(func(r *http.Request) {
		hooks++
		_, _ = io.ReadAll(r.Body)
	}))
	if diff := cmp.Diff([]int{418, 418}, statuses(http.MethodGet, "/_security/_authenticate", 2)); diff != "" {
		t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
	remove()
	if diff := cmp.Diff([]int{200}, statuses(http.MethodGet, "/_security/_authenticate", 1)); diff != "" {
		t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
	if hooks != 3 {
		t.Errorf("want the hook to run with and without a fault beside it, 3 times, got %d", hooks)
	}
}

func TestFront_brokenConnections(t *testing.T) {
	secured, roots := certificate(t)
	for _, scheme := range []string{"http", "https"} {
		for name, test := range map[string]struct {
			fault fakestack.Fault
			want  error
		}{
			"reset": {fakestack.Reset(), syscall.ECONNRESET},
			"close": {fakestack.CloseWithoutAnswer(), io.EOF},
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				options := fakestack.Options{}
				if scheme == "https" {
					options.TLS = secured
				}
				stack := start(t, options)
				stack.Elasticsearch.Inject(test.fault)
				client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, stack.ElasticsearchURL(), nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := client.Do(request)
				if err == nil {
					answer.Body.Close()
				}
				if !errors.Is(err, test.want) {
					t.Errorf("want %v, got %v", test.want, err)
				}
				if requests := stack.Elasticsearch.Requests(); len(requests) != 1 || requests[0].Status != 0 {
					t.Errorf("want one request without an answer, got %+v", requests)
				}
			})
		}
	}
}

func TestFront_hangsUntilTheClientLeaves(t *testing.T) {
	stack := start(t, fakestack.Options{})
	stack.Kibana.Inject(fakestack.Hang())
	ctx, leave := context.WithCancel(t.Context())
	// The request is in the log before anything is answered.
	stack.Kibana.Inject(fakestack.Hook(func(*http.Request) {
		if n := len(stack.Kibana.Requests()); n != 1 {
			t.Errorf("want the request in the log at arrival, got %d", n)
		}
		leave()
	}))
	if _, err := send(ctx, http.MethodGet, stack.KibanaURL()+"/api/status", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("want the request to be cancelled, got %v", err)
	}
}

func TestFront_brokenBodies(t *testing.T) {
	stack := start(t, fakestack.Options{})
	whole, err := send(t.Context(), http.MethodGet, stack.ElasticsearchURL()+"/_security/_authenticate", "")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(fault fakestack.Fault) (response, error) {
		defer stack.Elasticsearch.Inject(fault)()
		return send(t.Context(), http.MethodGet, stack.ElasticsearchURL()+"/_security/_authenticate", "")
	}
	if got, err := ask(fakestack.TruncateBody()); !errors.Is(err, io.ErrUnexpectedEOF) || got.status != http.StatusOK || got.body != whole.body[:len(whole.body)/2] {
		t.Errorf("a truncated body: got status %d, %d bytes and error %v", got.status, len(got.body), err)
	}
	const huge = 3 << 20
	if got, err := ask(fakestack.HugeBody(huge)); err != nil || len(got.body) != huge+len(whole.body) || strings.TrimSpace(got.body) != whole.body {
		t.Errorf("a huge body: got %d bytes and error %v", len(got.body), err)
	}
	if got, err := ask(fakestack.RewriteBody(func(document map[string]any) { document["username"] = "other" })); err != nil ||
		got.body != strings.Replace(whole.body, `"username":"`+username+`"`, `"username":"other"`, 1) {
		t.Errorf("a rewritten body: got %s and error %v", got.body, err)
	}
	if got, err := ask(fakestack.DropHeader("X-Elastic-Product")); err != nil || got.header.Get("X-Elastic-Product") != "" || got.body != whole.body {
		t.Errorf("a dropped header: got %q and error %v", got.header, err)
	}
	if got, err := ask(fakestack.RedirectTo("http://elsewhere.example/")); err != nil || got.status != http.StatusTemporaryRedirect ||
		got.header.Get("Location") != "http://elsewhere.example/" {
		t.Errorf("a redirect: got status %d and error %v", got.status, err)
	}
	if got, err := ask(fakestack.KibanaNotReady()); err != nil || got.status != http.StatusServiceUnavailable ||
		got.header.Get("Retry-After") != "30" || got.body != "Kibana server is not ready yet" {
		t.Errorf("not ready: got status %d, %q and error %v", got.status, got.body, err)
	}
	if got, err := ask(fakestack.TooManyRequests("")); err != nil || got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "" {
		t.Errorf("too many requests: got status %d and error %v", got.status, err)
	}
}

func TestFront_slowBodyHasNoEnd(t *testing.T) {
	stack := start(t, fakestack.Options{})
	stack.Elasticsearch.Inject(fakestack.SlowBody())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got, err := send(ctx, http.MethodGet, stack.ElasticsearchURL()+"/_security/_authenticate", "")
	if !errors.Is(err, context.DeadlineExceeded) || got.status != http.StatusOK || got.body == "" {
		t.Errorf("want a body that goes on, got status %d, %q and error %v", got.status, got.body, err)
	}
}

func TestFront_finishWaitsForWhatNobodyWaitsForAnyMore(t *testing.T) {
	stack := start(t, fakestack.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left, over := make(chan struct{}), false
	stack.Elasticsearch.Inject(fakestack.Hook(func(r *http.Request) {
		cancel()
		<-r.Context().Done()
		<-left
		over = true
	}))
	if _, err := send(ctx, http.MethodGet, stack.ElasticsearchURL()+"/_security/_authenticate", ""); !errors.Is(err, context.Canceled) {
		t.Fatalf("want a client that leaves, got error %v", err)
	}
	close(left)
	stack.Elasticsearch.Finish()
	if !over {
		t.Error("the request is still being served")
	}
	if status := stack.Elasticsearch.Requests()[0].Status; status == 0 {
		t.Error("the product has not acted")
	}
}

func TestFront_watchSeesAnAnswerThatIsLost(t *testing.T) {
	stack := start(t, fakestack.Options{})
	var seen string
	stack.Elasticsearch.Inject(fakestack.Watch(func(answer *fakestack.Answer) { seen = string(answer.Body) }))
	stack.Elasticsearch.Inject(fakestack.Reset().After())
	if _, err := send(t.Context(), http.MethodGet, stack.ElasticsearchURL()+"/_security/_authenticate", ""); err == nil {
		t.Error("the answer has arrived")
	}
	stack.Elasticsearch.Finish()
	if !strings.Contains(seen, username) {
		t.Errorf("got %q", seen)
	}
}

// certificate returns a server's TLS configuration and who vouches for it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return &tls.Config{Certificates: server.TLS.Certificates}, roots
}
