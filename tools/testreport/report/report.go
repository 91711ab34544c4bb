// Package report reads the event stream of `go test -json` and tells it in few words: a line for every package, the
// whole output of what failed, every skipped test with its reason, and the figures that tests log as "figure: ...".
package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// figurePrefix begins what a test logs to be shown although the test has passed.
const figurePrefix = "figure: "

// ErrNoTests is returned by Read for a stream in which no test ran, as a mistyped -run pattern gives: such a run
// proves nothing and must not pass for a green one.
var ErrNoTests = errors.New("no test ran")

// Skip is one test that was skipped.
type Skip struct {
	// Test is the package's import path and the test's name, joined by a dot.
	Test string
	// Reason is what the test said when it skipped, on one line; empty if it said nothing.
	Reason string
}

// String returns the test and its reason, the form that the patterns given to Unexpected are matched against.
func (s Skip) String() string {
	if s.Reason == "" {
		return s.Test + ": no reason given"
	}
	return s.Test + ": " + s.Reason
}

// Summary counts tests and subtests.
type Summary struct {
	Passed int
	// Failed counts failed tests, and one for each package that failed without any of its tests failing: it did not
	// compile, or its process ended early.
	Failed int
	// Skipped is sorted by test.
	Skipped []Skip
}

// String returns the line that scripts may rely on: "N passed, N failed, N skipped".
func (s Summary) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", s.Passed, s.Failed, len(s.Skipped))
}

// Unexpected returns the skips that none of the patterns matches.
func (s Summary) Unexpected(expected []*regexp.Regexp) []Skip {
	var unexpected []Skip
	for _, skip := range s.Skipped {
		if !slices.ContainsFunc(expected, func(p *regexp.Regexp) bool { return p.MatchString(skip.String()) }) {
			unexpected = append(unexpected, skip)
		}
	}
	return unexpected
}

// Read consumes the stream to its end and writes to w while it goes. A line that is no event (the go command prints
// some) is passed on as it is. The error is ErrNoTests, or the stream's or w's own.
func Read(stream io.Reader, w io.Writer) (Summary, error) {
	r := &reader{w: w, packages: make(map[string]*packageRun)}
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.summary, fmt.Errorf("reading the test events: %w", err)
		}
	}
	r.cutOff()
	slices.SortFunc(r.summary.Skipped, func(a, b Skip) int { return strings.Compare(a.Test, b.Test) })
	if r.err != nil {
		return r.summary, fmt.Errorf("writing the report: %w", r.err)
	}
	if r.summary.Passed+r.summary.Failed+len(r.summary.Skipped) == 0 {
		return r.summary, ErrNoTests
	}
	return r.summary, nil
}

// event is one line of the stream, as `go doc test2json` and `go help buildjson` describe it. Elapsed is in seconds.
type event struct {
	Action      string  `json:"Action"`
	Package     string  `json:"Package"`
	Test        string  `json:"Test"`
	Output      string  `json:"Output"`
	Elapsed     float64 `json:"Elapsed"`
	FailedBuild string  `json:"FailedBuild"`
}

// packageRun is what is known of a package whose tests are running.
type packageRun struct {
	passed, failed, skipped int
	cached                  bool
	output                  bytes.Buffer
	tests                   map[string]*bytes.Buffer // Output of the tests that have not ended.
}

type reader struct {
	w        io.Writer
	err      error // The first that writing to w gave.
	packages map[string]*packageRun
	summary  Summary
}

func (r *reader) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		r.printf("%s", line)
		return
	}
	switch {
	case e.Action == "build-output":
		r.printf("%s", e.Output)
	case e.Package == "":
		// build-fail: the failure of each package that needs the build follows.
	case e.Test == "":
		r.packageEvent(e)
	default:
		r.testEvent(e)
	}
}

func (r *reader) packageEvent(e event) {
	p := r.pkg(e.Package)
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
		p.cached = p.cached || strings.Contains(e.Output, "(cached)")
	case "pass":
		if p.passed+p.failed+p.skipped > 0 {
			r.packageLine("ok  ", e, p)
		}
		delete(r.packages, e.Package)
	case "skip": // No test files.
		delete(r.packages, e.Package)
	case "fail":
		r.packageFailed(e, p)
		delete(r.packages, e.Package)
	}
}

func (r *reader) testEvent(e event) {
	p := r.pkg(e.Package)
	output := p.tests[e.Test]
	if output == nil {
		output = new(bytes.Buffer)
		p.tests[e.Test] = output
	}
	switch e.Action {
	case "output":
		output.WriteString(e.Output)
		if _, figure, ok := strings.Cut(e.Output, ": "+figurePrefix); ok {
			r.printf("%s%s", figurePrefix, figure)
		}
		return
	case "pass":
		p.passed++
		r.summary.Passed++
	case "fail":
		r.testFailed(p, output)
	case "skip":
		p.skipped++
		r.summary.Skipped = append(r.summary.Skipped, Skip{Test: e.Package + "." + e.Test, Reason: reason(output.String())})
	default: // run, pause, cont
		return
	}
	delete(p.tests, e.Test)
}

func (r *reader) testFailed(p *packageRun, output *bytes.Buffer) {
	p.failed++
	r.summary.Failed++
	r.printf("%s", output)
}

// packageFailed tells a package's end. Tests without an end of their own were running when the process died.
func (r *reader) packageFailed(e event, p *packageRun) {
	for _, test := range slices.Sorted(maps.Keys(p.tests)) {
		r.testFailed(p, p.tests[test])
	}
	if p.failed == 0 {
		p.failed++
		r.summary.Failed++
	}
	if e.FailedBuild != "" { // What the compiler said was passed on already.
		r.printf("FAIL  %s  does not compile\n", e.Package)
		return
	}
	r.printf("%s", p.output.String())
	r.packageLine("FAIL", e, p)
}

// cutOff fails the packages that the stream leaves open: the go command was stopped.
func (r *reader) cutOff() {
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		r.printf("%s did not finish\n", name)
		r.packageFailed(event{Package: name}, r.packages[name])
	}
}

func (r *reader) packageLine(verdict string, e event, p *packageRun) {
	took := fmt.Sprintf("%.1fs", e.Elapsed)
	if p.cached {
		took = "cached"
	}
	r.printf("%s  %s  %d passed, %d failed, %d skipped  %s\n", verdict, e.Package, p.passed, p.failed, p.skipped, took)
}

func (r *reader) pkg(name string) *packageRun {
	p := r.packages[name]
	if p == nil {
		p = &packageRun{tests: make(map[string]*bytes.Buffer)}
		r.packages[name] = p
	}
	return p
}

func (r *reader) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.err == nil {
		r.err = err
	}
}

// reason is what is left of a skipped test's output without the lines that the testing package adds.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		said = append(said, line)
	}
	return strings.Join(said, " ")
}
