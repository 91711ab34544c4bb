package elasticsearch_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/elasticsearch"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

// FuzzClient gives every call whatever bytes for an answer, from the status line on.
func FuzzClient(f *testing.F) {
	checks := []func(context.Context, *testing.T, *elasticsearch.Client, string) error{
		func(ctx context.Context, t *testing.T, client *elasticsearch.Client, _ string) error {
			keys, err := client.FindKeys(ctx, agentkey.Query{IDs: []string{keyID}})
			for _, key := range keys {
				if _ = key.Deviations(); err != nil || key.ID != keyID {
					t.Fatal("another key passes for the one that was asked for, or comes with an error")
				}
			}
			return err
		},
		func(ctx context.Context, t *testing.T, client *elasticsearch.Client, _ string) error {
			identity, err := client.Authenticate(ctx)
			if (identity.Username == "") != (err != nil) {
				t.Fatal("nobody passes for somebody, or somebody comes with an error")
			}
			return err
		},
		func(ctx context.Context, t *testing.T, client *elasticsearch.Client, raw string) error {
			done, err := client.Invalidate(ctx, keyID, true)
			if done && (err != nil || !strings.Contains(raw, "[")) {
				t.Fatal("the answer names no key, and the key passes for revoked")
			}
			return err
		},
	}
	for _, call := range []string{"SeesEveryKey", "MissingPrivileges", "UpdateKey"} {
		checks = append(checks, func(ctx context.Context, _ *testing.T, client *elasticsearch.Client, _ string) error {
			return calls()[call](ctx, client)
		})
	}
	for i := range checks {
		f.Add(byte(i), []byte("HTTP/1.1 200 OK\r\n\r\n"+noKeys))
	}
	f.Add(byte(0), []byte("HTTP/1.1 400 Bad Request\r\nContent-Type: "+password+"\r\n\r\n"+`{"error":{"type":"x","reason":"`+password+`"}}`))
	answer, endpoint := transporttest.AnswerRaw(f)
	client, err := elasticsearch.New(transport.Config{URLs: []*url.URL{endpoint}, Credential: basic(), Clock: impatientClock{}, RequestTimeout: 5 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, call byte, raw []byte) {
		answer.Store(&raw)
		mustBeSafe(t, checks[int(call)%len(checks)](t.Context(), t, client, string(raw)))
	})
}

// mustBeSafe checks that an error can be shown.
func mustBeSafe(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var failure *apierror.Error
	if !errors.As(err, &failure) || failure.Kind == nil {
		t.Fatalf("got %T, want an *apierror.Error", err)
	}
	shown := err.Error() + failure.Reason + failure.Type
	if strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		t.Fatalf("the error has control characters: %q", shown)
	}
	if strings.Contains(shown, password) {
		t.Fatal("the error shows the password")
	}
}
