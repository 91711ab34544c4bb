package kibana_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/kibana"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

// FuzzCreateAgentKey gives the client whatever bytes for an answer, from the status line on.
func FuzzCreateAgentKey(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + created))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\nLocation: /" + password + "\r\n\r\n" + `{"statusCode":400,"message":"` + password + `"}`))
	answer, endpoint := transporttest.AnswerRaw(f)
	client, err := kibana.New(transport.Config{URLs: []*url.URL{endpoint}, Credential: basic(), Clock: impatientClock{}, RequestTimeout: 5 * time.Second}, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		answer.Store(&raw)
		got, err := client.CreateAgentKey(t.Context(), spec)
		if err == nil {
			if got.ID == "" || got.APIKey.IsZero() || got.Name != spec.Name || got.Encoded.Reveal() != agentkey.Encode(got.ID, got.APIKey.Reveal()).Reveal() {
				t.Fatal("half a key passes for a whole one")
			}
			return
		}
		var failure *apierror.Error
		if !errors.As(err, &failure) || failure.Kind == nil || got.ID != "" || !got.APIKey.IsZero() {
			t.Fatalf("got %T, want an *apierror.Error and no key", err)
		}
		if failure.Undecided && failure.Undelivered {
			t.Fatal("the request is said to have arrived, and not")
		}
		words := slices.Concat([]string{err.Error(), failure.Reason, failure.Type}, failure.MissingPrivileges, failure.MissingClusterPrivileges)
		shown := strings.Join(words, " ")
		if strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Fatalf("the error has control characters: %q", shown)
		}
		for _, s := range append(secretsOf(raw), password) {
			if strings.Contains(shown, s) {
				t.Fatal("the error shows a secret")
			}
		}
	})
}

// secretsOf returns the secrets in an answer to a create, but for those that stand in another field too.
func secretsOf(raw []byte) []string {
	_, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	var answer struct {
		AgentKey struct {
			ID      string `json:"id"`
			Name    string `json:"name"`
			APIKey  string `json:"api_key"`
			Encoded string `json:"encoded"`
		} `json:"agentKey"`
	}
	_ = json.Unmarshal([]byte(body), &answer)
	var secrets []string
	for _, s := range []string{answer.AgentKey.APIKey, answer.AgentKey.Encoded} {
		const tooShortToTell = 8
		if len(s) > tooShortToTell && strings.Count(string(raw), s) == 1 {
			secrets = append(secrets, s)
		}
	}
	return secrets
}
