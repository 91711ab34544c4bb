package fakestack_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

const (
	username = "terraform"
	password = "a-password-of-a-test"
	keysPath = "/api/apm/agent_keys"
)

// owner are the credentials of the seeded user.
var owner = fakestack.Credentials{Username: username, Password: password}

// start runs a stack with the seeded user until the test ends.
func start(t *testing.T, o fakestack.Options) *fakestack.Stack {
	t.Helper()
	stack, err := fakestack.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	if err := stack.SeedAgentKeyUser(t.Context(), username, password); err != nil {
		t.Fatal(err)
	}
	return stack
}

// response is an answer as a client sees it.
type response struct {
	status int
	header http.Header
	body   string
}

// send sends a request as the seeded user. It neither follows redirects nor keeps connections, so
// that nothing is repeated behind the test's back.
func send(ctx context.Context, method, url, body string, header ...string) (response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	request.SetBasicAuth(username, password)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return response{}, err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return response{status: answer.StatusCode, header: answer.Header, body: string(read)}, err
}

// create asks Kibana for an agent key with both privileges.
func create(t *testing.T, stack *fakestack.Stack) (response, error) {
	t.Helper()
	return send(t.Context(), http.MethodPost, stack.KibanaURL()+keysPath,
		`{"name":"checkout","privileges":["event:write","config_agent:read"]}`, "kbn-xsrf", "true")
}

// mustCreate returns the key that Kibana made.
func mustCreate(t *testing.T, stack *fakestack.Stack) fakestack.APIKey {
	t.Helper()
	answer, err := create(t, stack)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		AgentKey fakestack.APIKey `json:"agentKey"`
	}
	if err := json.Unmarshal([]byte(answer.body), &document); err != nil || answer.status != http.StatusOK {
		t.Fatalf("creating a key: status %d", answer.status)
	}
	return document.AgentKey
}

func TestStack_createsAKeyThatWorksAndIsOwnedByTheCaller(t *testing.T) {
	clock := fakestack.NewClock(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))
	stack := start(t, fakestack.Options{Clock: clock})
	key := mustCreate(t, stack)

	record, err := stack.Key(t.Context(), key.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := fakestack.KeyRecord{
		ID: key.ID, Name: "checkout", Type: "rest", Username: username, Realm: "default_native", Creation: clock.Now(),
		Metadata: map[string]any{"application": "apm"}, Privileges: []string{"event:write", "config_agent:read"},
	}
	if diff := cmp.Diff(want, record); diff != "" {
		t.Errorf("the key differs (-want +got):\n%s", diff)
	}
	if !stack.Authenticates(t.Context(), key.Encoded) {
		t.Error("the key does not authenticate")
	}
	held, err := stack.HasPrivileges(t.Context(), key.Encoded, "event:write", "config_agent:read", "sourcemap:write")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"event:write": true, "config_agent:read": true, "sourcemap:write": false}, held); diff != "" {
		t.Errorf("the key's privileges differ (-want +got):\n%s", diff)
	}
}

func TestStack_administratorsCallsAreNotInTheRequestLog(t *testing.T) {
	stack := start(t, fakestack.Options{})
	key := mustCreate(t, stack)
	if err := stack.Update(t.Context(), owner, key.ID, map[string]any{"expiration": "1h"}); err != nil {
		t.Fatal(err)
	}
	keys, err := stack.Keys(t.Context())
	if err != nil || len(keys) != 1 || keys[0].Expiration.IsZero() {
		t.Errorf("want the one key, with its expiration, got %d and error %v", len(keys), err)
	}
	if err := stack.Invalidate(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	if stack.Authenticates(t.Context(), key.Encoded) {
		t.Error("an invalidated key authenticates")
	}
	if err := stack.Invalidate(t.Context(), key.ID); !errors.Is(err, fakestack.ErrKeyNotFound) {
		t.Errorf("invalidating again: want ErrKeyNotFound, got %v", err)
	}
	if _, err := stack.Key(t.Context(), "unknown"); !errors.Is(err, fakestack.ErrKeyNotFound) {
		t.Errorf("an unknown key: want ErrKeyNotFound, got %v", err)
	}
	if requests := stack.Elasticsearch.Requests(); len(requests) != 0 {
		t.Errorf("want no request at Elasticsearch's front, got %d", len(requests))
	}
	if requests := stack.Kibana.Requests(); len(requests) != 1 {
		t.Errorf("want the create alone at Kibana's front, got %d requests", len(requests))
	}
}

func TestStack_keysAreOfAgentsOnlyAndPaged(t *testing.T) {
	stack := start(t, fakestack.Options{})
	const agents = 1001
	for range agents {
		if _, err := stack.CreateAPIKey(t.Context(), owner, map[string]any{"name": "x", "metadata": map[string]any{"application": "apm"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stack.CreateAPIKey(t.Context(), owner, map[string]any{"name": "other"}); err != nil {
		t.Fatal(err)
	}
	keys, err := stack.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[string]bool{}
	for _, key := range keys {
		distinct[key.ID] = true
	}
	if len(keys) != agents || len(distinct) != agents {
		t.Errorf("want %d agent keys, got %d, %d of them distinct", agents, len(keys), len(distinct))
	}
}

func TestStack_seedsATokenOfAUser(t *testing.T) {
	stack := start(t, fakestack.Options{})
	for range 2 {
		token, err := stack.SeedToken(t.Context(), username, password)
		if err != nil {
			t.Fatal(err)
		}
		key, err := stack.CreateAPIKey(t.Context(), fakestack.Credentials{Bearer: token}, map[string]any{"name": "x"})
		if err != nil {
			t.Fatal(err)
		}
		if record, err := stack.Key(t.Context(), key.ID); err != nil || record.Username != username {
			t.Errorf("want a key of %s, got one of %q and error %v", username, record.Username, err)
		}
	}
}

func TestStack_runsOverAnotherElasticsearch(t *testing.T) {
	below := start(t, fakestack.Options{})
	stack := start(t, fakestack.Options{Upstream: below.ElasticsearchURL(), Username: "elastic", Password: "changeme"})
	key := mustCreate(t, stack)
	if _, err := below.Key(t.Context(), key.ID); err != nil {
		t.Errorf("the key is not in the Elasticsearch below: %v", err)
	}
	answer, err := send(t.Context(), http.MethodGet, stack.ElasticsearchURL()+"/_security/_authenticate", "")
	if err != nil || answer.status != http.StatusOK || answer.header.Get("X-Elastic-Product") != "Elasticsearch" {
		t.Errorf("want the product's answer, got status %d and error %v", answer.status, err)
	}
	if date, found := answer.header["Date"]; found {
		t.Errorf("Elasticsearch sends no Date header, got %q", date)
	}
	if requests := stack.Elasticsearch.Requests(); len(requests) != 1 || requests[0].Status != http.StatusOK {
		t.Errorf("want one request in the log, with status 200, got %d", len(requests))
	}
}

func TestStack_closesWhatItOpened(t *testing.T) {
	stack := start(t, fakestack.Options{})
	stack.Elasticsearch.Inject(fakestack.Hang())
	done := make(chan error, 1)
	arrived := make(chan struct{})
	stack.Elasticsearch.Inject(fakestack.Hook(func(*http.Request) { close(arrived) }))
	go func() {
		_, err := send(t.Context(), http.MethodGet, stack.ElasticsearchURL()+"/", "")
		done <- err
	}()
	<-arrived
	stack.Close()
	if err := <-done; err == nil {
		t.Error("a request that hung was answered when the stack was closed")
	}
	if _, err := send(t.Context(), http.MethodGet, stack.KibanaURL()+"/api/status", ""); err == nil {
		t.Error("Kibana answers after the stack was closed")
	}
}

func TestClock_standsUntilItIsMoved(t *testing.T) {
	begin := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	clock := fakestack.NewClock(begin)
	clock.Advance(time.Hour)
	clock.Advance(-time.Minute)
	if want := begin.Add(59 * time.Minute); !clock.Now().Equal(want) {
		t.Errorf("want %s, got %s", want, clock.Now())
	}
	clock.Set(begin)
	if !clock.Now().Equal(begin) {
		t.Errorf("want %s, got %s", begin, clock.Now())
	}
}

func TestRealTime_runsOnFromWhereItIsSet(t *testing.T) {
	clock := fakestack.RealTime()
	if off := time.Since(clock.Now()).Abs(); off > time.Minute {
		t.Errorf("want real time, got %s off", off)
	}
	clock.Advance(time.Hour)
	if off := (time.Until(clock.Now()) - time.Hour).Abs(); off > time.Minute {
		t.Errorf("want an hour ahead, got %s off that", off)
	}
	begin := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	clock.Set(begin)
	if now := clock.Now(); now.Before(begin) || now.After(begin.Add(time.Minute)) {
		t.Errorf("want %s or just after, got %s", begin, now)
	}
}
