package fakestack_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

func TestKibana_followsItsVersion(t *testing.T) {
	const unknownField = `{"name":"x","privileges":["event:write"],"expiration":"1h"}`
	const sourcemap = `{"name":"x","privileges":["sourcemap:write"]}`
	const plain = `{"name":"x","privileges":["event:write"]}`
	for _, test := range []struct {
		name    string
		options fakestack.Options
		role    fakestack.Role
		body    string
		status  int
		message string
	}{
		{"strict body", fakestack.Options{}, fakestack.AgentKeyRole(), unknownField, 400, "Excess keys are not allowed"},
		{"stripped body", fakestack.Options{KibanaStripsUnknownFields: true}, fakestack.AgentKeyRole(), unknownField, 200, ""},
		{"bad body when stripping", fakestack.Options{KibanaStripsUnknownFields: true}, fakestack.AgentKeyRole(), sourcemap, 400, "[request body"},
		{"no route before 8.0", fakestack.Options{KibanaVersion: "7.17.0"}, fakestack.AgentKeyRole(), plain, 404, "Not Found"},
		{"source maps before 8.5", fakestack.Options{KibanaVersion: "8.4.3"}, withSourcemap(), sourcemap, 200, ""},
		{"source maps since 8.5", fakestack.Options{KibanaVersion: "8.5.0"}, withSourcemap(), sourcemap, 400, "sourcemap:write"},
		{"missing before 8.10", fakestack.Options{KibanaVersion: "8.9.2"}, withoutAPM(), plain, 500, "is missing the following requested privilege(s): event:write"},
		{"missing since 8.10", fakestack.Options{KibanaVersion: "8.10.0"}, withoutAPM(), plain, 403, "is missing the following requested privilege(s): event:write"},
		{"feature before 9.0", fakestack.Options{KibanaVersion: "8.19.0"}, fakestack.Role{}, plain, 403, "Forbidden"},
		{"feature since 9.0", fakestack.Options{}, fakestack.Role{}, plain, 403, "granted by the Kibana privileges [apm,apm_settings_write]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := start(t, test.options)
			if err := stack.SeedRole(t.Context(), fakestack.SeedRoleName, test.role); err != nil {
				t.Fatal(err)
			}
			answer, err := send(t.Context(), http.MethodPost, stack.KibanaURL()+keysPath, test.body, "kbn-xsrf", "1")
			if err != nil {
				t.Fatal(err)
			}
			if answer.status != test.status || !strings.Contains(answer.body, test.message) {
				t.Errorf("want status %d and %q, got %d", test.status, test.message, answer.status)
			}
			keys, err := stack.Keys(t.Context())
			if wanted := map[bool]int{true: 1}[test.status == http.StatusOK]; err != nil || len(keys) != wanted {
				t.Errorf("want %d keys on the server, got %d and error %v", wanted, len(keys), err)
			}
		})
	}
}

func TestKibana_sendsTheClocksTime(t *testing.T) {
	clock := fakestack.NewClock(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))
	stack := start(t, fakestack.Options{Clock: clock})
	answer, err := send(t.Context(), http.MethodGet, stack.KibanaURL()+"/api/status", "")
	if err != nil || answer.header.Get("Date") != "Sun, 01 Mar 2026 12:00:00 GMT" {
		t.Errorf("want the clock's time, got %q and error %v", answer.header.Get("Date"), err)
	}
}

func TestKibana_tellsItsVersionToWhoAuthenticates(t *testing.T) {
	stack := start(t, fakestack.Options{KibanaVersion: "9.1.0"})
	for header, want := range map[string]string{"": `"number":"9.1.0"`, "Bearer unknown": `"statusCode":401`} {
		arguments := []string{}
		if header != "" {
			arguments = []string{"Authorization", header}
		}
		answer, err := send(t.Context(), http.MethodGet, stack.KibanaURL()+"/api/status", "", arguments...)
		if err != nil || !strings.Contains(answer.body, want) {
			t.Errorf("authorization %q: want %s, got status %d and error %v", header, want, answer.status, err)
		}
	}
	anonymous, err := http.Get(stack.KibanaURL() + "/api/status")
	if err != nil {
		t.Fatal(err)
	}
	defer anonymous.Body.Close()
	var got any
	if err := json.NewDecoder(anonymous.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"status": map[string]any{"overall": map[string]any{"level": "available"}}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("the anonymous answer differs (-want +got):\n%s", diff)
	}
}

func withSourcemap() fakestack.Role {
	role := fakestack.AgentKeyRole()
	role.Applications[1].Privileges = append(role.Applications[1].Privileges, "sourcemap:write")
	return role
}

func withoutAPM() fakestack.Role {
	role := fakestack.AgentKeyRole()
	role.Applications = role.Applications[:1]
	return role
}
