package transport_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

const logged = "pa55word"

// logOf runs a request that is answered by 429, 400 with an echo of what was sent, and returns the log.
func logOf(t *testing.T, do func(context.Context, *transport.Client)) string {
	t.Helper()
	var out bytes.Buffer
	s := newServer(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
		} else {
			w.WriteHeader(http.StatusBadRequest)
		}

		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization")+" and "+logged)
	})
	client := newClient(t, transport.Config{Credential: credential.NewBasic("terraform", secret.New(logged))}, s.URL+"/base")
	do(tflogtest.RootLogger(t.Context(), &out), client)
	return out.String()
}

func TestDo_logsEveryAttempt(t *testing.T) {
	log := logOf(t, func(ctx context.Context, client *transport.Client) {
		_, _ = post(tflog.SetField(ctx, "key_id", "k1"), t, client, transport.OnlyUndelivered)
	})
	entries, err := tflogtest.MultilineJSONDecode(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if host, ok := entry["host"].(string); ok && !strings.HasPrefix(host, "127.0.0.1:") {
			t.Errorf("the host is %q", host)
		}
		for _, varying := range []string{"@timestamp", "@caller", "host", "pause_ms"} {
			delete(entry, varying)
		}
		for _, words := range []string{"error", "reason"} {
			if text, ok := entry[words].(string); ok {
				entry[words] = strings.Contains(text, "Testing answered HTTP")
			}
		}
	}
	request := func(attempt, status float64) map[string]any {
		return map[string]any{
			"@level": "debug", "@message": "Request", "@module": "provider", "product": "Testing", "method": "POST", "path": "/base/path", "key_id": "k1",
			"attempt": attempt, "status": status, "duration_ms": 0.0, "error": true,
		}
	}
	want := []map[string]any{
		request(1, 429),
		{
			"@level": "info", "@message": "Waiting before the request is sent again", "@module": "provider", "product": "Testing", "method": "POST", "path": "/path",
			"key_id": "k1", "attempt": 1.0, "reason": true,
		},
		request(2, 400),
	}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func TestDo_logsNoSecret(t *testing.T) {
	log := logOf(t, func(ctx context.Context, client *transport.Client) {
		_, _ = post(ctx, t, client, transport.OnlyUndelivered)
	})
	if hasSecret(log) {
		t.Error("the log holds the secret")
	}
	if !strings.Contains(log, secret.Redacted) {
		t.Error("the server's words are not in the log, so nothing was tested")
	}
}

func TestHasSecret_findsAPlantedLeak(t *testing.T) {
	for name, field := range map[string]string{"password": logged, "header": "Basic dGVycmFmb3JtOnBhNTV3b3Jk"} {
		log := logOf(t, func(ctx context.Context, client *transport.Client) {
			_, _ = post(tflog.SetField(ctx, "planted", field), t, client, transport.OnlyUndelivered)
		})
		if !hasSecret(log) {
			t.Errorf("the planted %s is not found", name)
		}
	}
}

func hasSecret(log string) bool {
	return strings.Contains(log, logged) || strings.Contains(log, "dGVycmFmb3JtOnBhNTV3b3Jk")
}
