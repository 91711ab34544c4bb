package provider_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// exported is a line in which the stack says how it is used.
var exported = regexp.MustCompile(`(?m)^export (\w+)='?([^'\n]*)'?$`)

// TestScan_theStackPrintsNoSecretButThePassword runs the command of make stack. The password of its user is what it is asked
// to print; a request log beside it must not show it again.
func TestScan_theStackPrintsNoSecretButThePassword(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "stack")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/stack").CombinedOutput(); err != nil {
		t.Fatalf("building the stack: %s\n%s", err, out)
	}
	secrets := &acctest.Secrets{}
	administrator := rand.Text()
	secrets.AddBasic("the administrator's password", "elastic", administrator)
	cmd := exec.CommandContext(t.Context(), binary, "-elasticsearch-address", "127.0.0.1:0", "-kibana-address", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "ELASTIC_PASSWORD="+administrator)
	printed, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = printed.Close() }()
	cmd.Stdout, cmd.Stderr = printed, printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for deadline := time.Now().Add(time.Minute); len(variables) < 4 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, match := range exported.FindAllStringSubmatch(contentOf(t, printed.Name()), -1) {
			variables[match[1]] = match[2]
		}
	}
	username, password := variables["KIBANA_USERNAME"], variables["KIBANA_PASSWORD"]
	secrets.AddBasic("the password", username, password)

	send := func(method, url, body string) []byte {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(username, password)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Kbn-Xsrf", "true")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %v", method, url, res.StatusCode, err)
		}
		return answer
	}
	var created struct {
		AgentKey struct {
			ID      string `json:"id"`
			Encoded string `json:"encoded"`
		} `json:"agentKey"`
	}
	if err := json.Unmarshal(send("POST", variables["KIBANA_ENDPOINT"]+createRoute, `{"name":"checkout","privileges":["event:write"]}`), &created); err != nil {
		t.Fatal(err)
	}
	secrets.AddKey("the key", created.AgentKey.Encoded)
	send("DELETE", variables["ELASTICSEARCH_ENDPOINTS"]+keyRoute, `{"ids":["`+created.AgentKey.ID+`"],"owner":true}`)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the stack ends with: %s", err)
	}

	text := contentOf(t, printed.Name())
	if !strings.Contains(text, "POST "+createRoute+" 200") {
		t.Errorf("the requests are not printed:\n%s", strings.ReplaceAll(text, password, "..."))
	}
	for _, name := range secrets.In(strings.Replace(text, "export KIBANA_PASSWORD='"+password+"'", "", 1)) {
		t.Errorf("the stack prints %s", name)
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
