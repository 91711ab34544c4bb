package secret_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// crash tells the process that TestText_isNotShownByAPanic starts what to panic with.
const crash = "APM_SECRET_TEST_CRASH"

func TestText_isNotShownByAPanic(t *testing.T) {
	const planted = "a-secret-that-no-crash-shows"
	text := secret.New(planted)
	type holder struct {
		Exported secret.Text
		hidden   secret.Text
	}
	values := map[string]any{
		"text": text, "pointer": &text, "struct": holder{text, text}, "struct pointer": &holder{text, text},
		"bare": planted, // Shows that the check can fail.
	}
	if name := os.Getenv(crash); name != "" {
		panic(values[name])
	}
	for name := range values {
		cmd := exec.Command(os.Args[0], "-test.run=^TestText_isNotShownByAPanic$")
		cmd.Env = append(os.Environ(), crash+"="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic:") {
			t.Fatalf("%s: the process did not panic", name)
		}
		if shown := strings.Contains(string(out), planted); shown != (name == "bare") {
			t.Errorf("%s: the crash shows the secret: %t", name, shown)
		}
	}
}
