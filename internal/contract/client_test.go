package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// object and list are the JSON values that requests and expectations are
// written in.
type (
	object = map[string]any
	list   = []any
)

// httpClient does not follow redirects: what the server itself answered is
// what the cases are about.
var httpClient = &http.Client{
	Timeout:       2 * time.Minute,
	Transport:     &http.Transport{MaxIdleConnsPerHost: parallelCases},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// An answer is what a server sent back.
type answer struct {
	request string
	status  int
	header  http.Header
	raw     []byte
	json    any // nil when the body is no JSON.
}

// call sends a request. A string body is sent as it stands, nil sends none,
// anything else is sent as JSON.
func call(method, url string, header http.Header, body any) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, url, reader)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	maps.Copy(request.Header, header)
	response, err := httpClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{request: method + " " + request.URL.Path, status: response.StatusCode, header: response.Header}
	if a.raw, err = io.ReadAll(response.Body); err != nil {
		return answer{}, err
	}
	if json.Unmarshal(a.raw, &a.json) != nil {
		a.json = nil
	}
	return a, nil
}

// String shows the answer without the secrets in it.
func (a answer) String() string {
	body := a.raw
	if a.json != nil {
		var err error
		if body, err = json.Marshal(redacted(a.json)); err != nil {
			body = []byte(err.Error())
		}
	}
	return fmt.Sprintf("%s: %d %s", a.request, a.status, body)
}

// at returns the value at a dotted path, such as "api_keys.0.id", or nil.
func (a answer) at(path string) any {
	value := a.json
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case object:
			value = v[step]
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// text is at for a value that has to be a string.
func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// number is at for a value that has to be a number.
func (a answer) number(path string) float64 {
	n, _ := a.at(path).(float64)
	return n
}

// want fails the case unless the answer has the status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s; want status %d", a, status)
	}
	return a
}

// wantBody fails the case unless the answer has the status and exactly the
// body.
func (a answer) wantBody(t *testing.T, status int, body object) {
	t.Helper()
	a.want(t, status)
	if diff := cmp.Diff(any(body), redacted(a.json)); diff != "" {
		t.Errorf("%s: body (-want +got):\n%s", a.request, diff)
	}
}

// wantError fails the case unless the answer is Elasticsearch's error object
// with the status and the type, whose reason, or that of one of its causes,
// contains the text (contract B9).
func (a answer) wantError(t *testing.T, status int, kind, reason string) {
	t.Helper()
	a.want(t, status)
	if got := a.text("error.type"); got != kind {
		t.Errorf("%s; want type %s", a, kind)
	}
	if got := a.number("status"); got != float64(status) {
		t.Errorf("%s; want the status repeated in the body", a)
	}
	if a.text("error.root_cause.0.type") == "" {
		t.Errorf("%s; want a root cause", a)
	}
	for cause, ok := a.at("error").(object); ok; cause, ok = cause["caused_by"].(object) {
		if text, _ := cause["reason"].(string); strings.Contains(text, reason) {
			return
		}
	}
	t.Errorf("%s; want a reason that contains %q", a, reason)
}

// wantKeys fails the case unless the answer is 200 with exactly the keys of
// these ids, in any order.
func (a answer) wantKeys(t *testing.T, ids ...string) {
	t.Helper()
	a.want(t, http.StatusOK)
	got, wanted := map[string]bool{}, map[string]bool{}
	keys, ok := a.at("api_keys").(list)
	if !ok {
		t.Fatalf("%s; want api_keys", a)
	}
	for _, k := range keys {
		id, _ := k.(object)["id"].(string)
		got[id] = true
	}
	for _, id := range ids {
		wanted[id] = true
	}
	if diff := cmp.Diff(wanted, got); diff != "" || len(keys) != len(ids) {
		t.Errorf("%s: %d keys (-want +got):\n%s", a.request, len(keys), diff)
	}
}

// redacted returns a copy of the value without the strings that are secret.
func redacted(value any) any {
	switch v := value.(type) {
	case object:
		shown := object{}
		for name, member := range v {
			if _, isText := member.(string); isText && secretMembers[name] {
				member = "(redacted)"
			}
			shown[name] = redacted(member)
		}
		return shown
	case list:
		shown := make(list, len(v))
		for i, element := range v {
			shown[i] = redacted(element)
		}
		return shown
	}
	return value
}

var secretMembers = map[string]bool{"api_key": true, "encoded": true, "access_token": true, "refresh_token": true}
