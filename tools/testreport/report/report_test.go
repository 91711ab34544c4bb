package report_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/tools/testreport/report"
)

// TestRead_tellsWhatTheGoCommandSaw runs the real go command, since its stream, not an idea of it, is what must be told.
func TestRead_tellsWhatTheGoCommandSaw(t *testing.T) {
	stream := goTest(t, map[string]string{
		"good/good_test.go": `package good
import "testing"
func TestPasses(t *testing.T) { t.Run("sub", func(t *testing.T) {}); t.Log("chatter"); t.Log("figure: 3 of 3") }
func TestSkips(t *testing.T) { t.Skip("needs", "a moon") }
func TestSkipsSilently(t *testing.T) { t.SkipNow() }
`,
		"bad/bad_test.go": `package bad
import "testing"
func TestFails(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("it is wrong") }) }
`,
		"broken/broken_test.go": `package broken
import "testing"
func TestNeverCompiled(t *testing.T) { undefined() }
`,
		"exits/exits_test.go": `package exits
import ("os"; "testing")
func TestEndsTheProcess(t *testing.T) { println("last words"); os.Exit(3) }
`,
		"panics/panics_test.go": `package panics
import "testing"
func TestPanics(t *testing.T) { panic("oh no") }
`,
		"empty/empty.go": "package empty\n",
	})

	var out bytes.Buffer
	summary, err := report.Read(stream, &out)
	if err != nil {
		t.Fatal(err)
	}

	// Failed: TestFails, its subtest, the package that does not compile, the process that ended, the panic.
	if got, want := summary.String(), "2 passed, 5 failed, 2 skipped"; got != want {
		t.Errorf("summary is %q, want %q", got, want)
	}
	for _, want := range []string{
		"ok    example.com/sample/good  2 passed, 0 failed, 2 skipped",
		"FAIL  example.com/sample/bad  0 passed, 2 failed, 0 skipped",
		"FAIL  example.com/sample/broken  does not compile",
		"figure: 3 of 3\n",
		"bad_test.go:3: it is wrong",
		"undefined: undefined",
		"last words",
		"panic: oh no",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not hold %q", want)
		}
	}
	for _, unwanted := range []string{"chatter", "sample/empty"} {
		if strings.Contains(out.String(), unwanted) {
			t.Errorf("the report holds %q", unwanted)
		}
	}
	if t.Failed() {
		t.Logf("the report:\n%s", out.String())
	}

	wantSkips := []string{
		"example.com/sample/good.TestSkips: good_test.go:4: needs a moon",
		"example.com/sample/good.TestSkipsSilently: no reason given",
	}
	for i, skip := range summary.Skipped {
		if skip.String() != wantSkips[i] {
			t.Errorf("skip %d is %q, want %q", i, skip, wantSkips[i])
		}
	}
}

func TestRead_failsAPackageThatTheStreamLeavesOpen(t *testing.T) {
	stream := strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestHangs"}
{"Action":"output","Package":"p","Test":"TestHangs","Output":"waiting\n"}
`)

	var out bytes.Buffer
	summary, err := report.Read(stream, &out)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Failed != 1 || !strings.Contains(out.String(), "waiting") {
		t.Errorf("failed = %d, report %q; want 1 and the output of the open test", summary.Failed, out.String())
	}
}

func TestRead_refusesAStreamWithoutTests(t *testing.T) {
	stream := strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"testing: warning: no tests to run\n"}
{"Action":"pass","Package":"p","Elapsed":0.1}
`)

	if _, err := report.Read(stream, new(bytes.Buffer)); !errors.Is(err, report.ErrNoTests) {
		t.Errorf("error is %v, want ErrNoTests", err)
	}
}

func TestRead_passesOnLinesThatAreNoEvents(t *testing.T) {
	stream := strings.NewReader("go: a complaint\n" +
		`{"Action":"pass","Package":"p","Test":"TestX"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n")

	var out bytes.Buffer
	if _, err := report.Read(stream, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "go: a complaint\n") {
		t.Errorf("the report %q lacks the complaint", out.String())
	}
}

func TestSummaryUnexpected_namesTheSkipsThatNoPatternMatches(t *testing.T) {
	known := report.Skip{Test: "p.TestKnown", Reason: "known_test.go:1: needs a moon"}
	unknown := report.Skip{Test: "p.TestUnknown"}
	summary := report.Summary{Skipped: []report.Skip{known, unknown}}

	got := summary.Unexpected([]*regexp.Regexp{regexp.MustCompile(`^p\.TestKnown: .*needs a moon$`)})
	if len(got) != 1 || got[0] != unknown {
		t.Errorf("unexpected skips are %v, want only %v", got, unknown)
	}
	if got := summary.Unexpected(nil); len(got) != 2 {
		t.Errorf("without patterns %d skips are unexpected, want 2", len(got))
	}
}

// goTest returns the event stream of `go test -json` over a module with the given files.
func goTest(t *testing.T, files map[string]string) *bytes.Buffer {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.com/sample\n\ngo 1.24\n"
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOTOOLCHAIN=local", "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// It must fail, as some of the tests do; not to have run at all shows in the counts.
	if err := cmd.Run(); err == nil {
		t.Fatal("go test passed")
	}
	if stderr.Len() > 0 {
		t.Logf("go test wrote to its standard error:\n%s", stderr.String())
	}
	return &stdout
}
