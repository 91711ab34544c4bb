package elasticsearch_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/fakestack/elasticsearch"
)

// The contract suite compares the stand-in with the product. Here is what takes a clock that can
// be moved, which no product has.

const password = "a-password-of-a-test"

// server is an Elasticsearch whose clock the test moves.
type server struct {
	t       *testing.T
	now     time.Time
	handler http.Handler
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	s.handler = elasticsearch.New(elasticsearch.Options{
		Now: func() time.Time { return s.now }, Username: "elastic", Password: password, Version: "9.4.3",
	})
	return s
}

// call sends a request with an Authorization header, the superuser's when it is empty.
func (s *server) call(authorization, method, path, body string) (int, map[string]any) {
	s.t.Helper()
	request := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth("elastic", password)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	var document map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &document); err != nil {
		s.t.Fatalf("%s %s: status %d and no JSON", method, path, recorder.Code)
	}
	return recorder.Code, document
}

// create makes a key of the superuser and returns its id and its Authorization.
func (s *server) create(query, fields string) (id, authorization string) {
	s.t.Helper()
	status, key := s.call("", http.MethodPost, "/_security/api_key"+query, `{"name":"x"`+fields+`}`)
	if status != http.StatusOK {
		s.t.Fatalf("creating a key: status %d", status)
	}
	return fmt.Sprint(key["id"]), fmt.Sprint("ApiKey ", key["encoded"])
}

// status sends a request without a body and returns the status alone.
func (s *server) status(authorization, path string) int {
	s.t.Helper()
	status, _ := s.call(authorization, http.MethodGet, path, "")
	return status
}

func TestServer_aKeyDiesAtItsExpiration(t *testing.T) {
	s := newServer(t)
	id, authorization := s.create("", `,"expiration":"1h"`)
	s.now = s.now.Add(time.Hour - time.Millisecond)
	if got := s.status(authorization, "/_security/_authenticate"); got != http.StatusOK {
		t.Errorf("a millisecond before its end: want 200, got %d", got)
	}
	s.now = s.now.Add(time.Millisecond)
	if got := s.status(authorization, "/_security/_authenticate"); got != http.StatusUnauthorized {
		t.Errorf("at its end: want 401, got %d", got)
	}
	want := map[string]int{"": http.StatusOK, "&active_only=true": http.StatusNotFound}
	for parameter, status := range want {
		if got := s.status("", "/_security/api_key?id="+id+parameter); got != status {
			t.Errorf("GET with %q: want %d, got %d", parameter, status, got)
		}
	}
}

func TestServer_dateMathGoesByItsClock(t *testing.T) {
	s := newServer(t)
	s.create("", `,"expiration":"1h"`)
	s.now = s.now.Add(3 * time.Minute)
	s.create("", "")
	for query, want := range map[string]float64{
		`{"range":{"creation":{"gte":"now-2m"}}}`:                                                        1,
		`{"range":{"creation":{"gte":"now-3m"}}}`:                                                        2,
		`{"range":{"creation":{"gte":"now/d","lt":"now+1d/d"}}}`:                                         2,
		`{"range":{"creation":{"gt":"now/d"}}}`:                                                          0,
		`{"range":{"expiration":{"lte":"now"}}}`:                                                         0,
		`{"range":{"expiration":{"lte":"now+57m"}}}`:                                                     1,
		fmt.Sprintf(`{"range":{"creation":{"lt":%d}}}`, s.now.UnixMilli()):                               1,
		`{"range":{"creation":{"lt":"2026-03-01T12:03:00Z","format":"strict_date_optional_time"}}}`:      1,
		`{"range":{"creation":{"lt":"2026-02-28T12:03:00Z||+1d","format":"strict_date_optional_time"}}}`: 1,
		`{"range":{"creation":{"gte":"2026-03-01","format":"epoch_millis||strict_date_optional_time"}}}`: 2,
	} {
		status, answer := s.call("", http.MethodPost, "/_security/_query/api_key", `{"query":`+query+`,"size":0}`)
		if status != http.StatusOK || answer["total"] != want {
			t.Errorf("%s: want 200 and %v, got %d and %v", query, want, status, answer["total"])
		}
	}
}

func TestServer_deadKeysArePurgedAtAnInvalidationAWeekLater(t *testing.T) {
	s := newServer(t)
	expired, _ := s.create("", `,"expiration":"1h"`)
	invalidated, _ := s.create("", "")
	alive, _ := s.create("", "")
	next, _ := s.create("", "")
	invalidate := func(id string) {
		t.Helper()
		if status, _ := s.call("", http.MethodDelete, "/_security/api_key", `{"ids":["`+id+`"]}`); status != http.StatusOK {
			t.Fatalf("invalidating: status %d", status)
		}
	}
	statuses := func() []int {
		var got []int
		for _, id := range []string{expired, invalidated, alive} {
			got = append(got, s.status("", "/_security/api_key?id="+id))
		}
		return got
	}
	invalidate(invalidated)
	s.now = s.now.Add(7*24*time.Hour + 2*time.Hour)
	if diff := cmp.Diff([]int{200, 200, 200}, statuses()); diff != "" {
		t.Errorf("before an invalidation all are there (-want +got):\n%s", diff)
	}
	invalidate("unknown")
	if diff := cmp.Diff([]int{200, 200, 200}, statuses()); diff != "" {
		t.Errorf("an invalidation that does nothing purges nothing (-want +got):\n%s", diff)
	}
	invalidate(next)
	if diff := cmp.Diff([]int{404, 404, 200}, statuses()); diff != "" {
		t.Errorf("after an invalidation the dead are gone (-want +got):\n%s", diff)
	}
}

func TestServer_aKeyWithoutRefreshIsSeenAfterASecond(t *testing.T) {
	s := newServer(t)
	id, authorization := s.create("?refresh=false", "")
	if got := s.status(authorization, "/_security/_authenticate"); got != http.StatusOK {
		t.Errorf("the key authenticates at once: want 200, got %d", got)
	}
	if got := s.status("", "/_security/api_key?id="+id); got != http.StatusNotFound {
		t.Errorf("before the refresh: want 404, got %d", got)
	}
	s.now = s.now.Add(time.Second)
	if got := s.status("", "/_security/api_key?id="+id); got != http.StatusOK {
		t.Errorf("after the refresh: want 200, got %d", got)
	}
}

func TestServer_tokensNeedATrialAndLiveTwentyMinutes(t *testing.T) {
	s := newServer(t)
	body := `{"grant_type":"password","username":"elastic","password":"` + password + `"}`
	if status, _ := s.call("", http.MethodPost, "/_security/oauth2/token", body); status != http.StatusForbidden {
		t.Errorf("on a basic licence: want 403, got %d", status)
	}
	if status, _ := s.call("", http.MethodPost, "/_license/start_trial?acknowledge=true", ""); status != http.StatusOK {
		t.Fatalf("starting the trial: status %d", status)
	}
	_, answer := s.call("", http.MethodPost, "/_security/oauth2/token", body)
	authorization := fmt.Sprint("Bearer ", answer["access_token"])
	s.now = s.now.Add(20*time.Minute - time.Second)
	if got := s.status(authorization, "/_security/_authenticate"); got != http.StatusOK {
		t.Errorf("a second before its end: want 200, got %d", got)
	}
	s.now = s.now.Add(time.Second)
	if got := s.status(authorization, "/_security/_authenticate"); got != http.StatusUnauthorized {
		t.Errorf("at its end: want 401, got %d", got)
	}
}
