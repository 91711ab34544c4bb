// Command testreport tells the outcome of `go test -json`, read from standard input. It ends with status 1 if a test
// failed, if none ran, or if one was skipped that -expected-skips does not name; its last line is always
// "N passed, N failed, N skipped".
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/elastic/terraform-provider-apm/tools/testreport/report"
)

func main() {
	expectedSkips := flag.String("expected-skips", "",
		"file of regular expressions, one a line, for the skips that are accepted (\"PACKAGE.TEST: REASON\"); # starts a comment")
	flag.Parse()

	if err := run(*expectedSkips); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

func run(expectedSkips string) error {
	expected, err := patterns(expectedSkips)
	if err != nil {
		return err
	}
	summary, err := report.Read(os.Stdin, os.Stdout)
	if len(summary.Skipped) > 0 {
		fmt.Println("\nSkipped:")
	}
	for _, skip := range summary.Skipped {
		fmt.Printf("  %s\n", skip)
	}
	unexpected := summary.Unexpected(expected)
	if len(unexpected) > 0 {
		fmt.Printf("\nNobody expected these to be skipped (make them run, or name them with their reason in %s):\n", expectedSkips)
	}
	for _, skip := range unexpected {
		fmt.Printf("  %s\n", skip)
	}
	fmt.Printf("\n%s\n", summary)

	switch {
	case err != nil:
		return err
	case summary.Failed > 0:
		return fmt.Errorf("%d failed", summary.Failed)
	case len(unexpected) > 0:
		return fmt.Errorf("%d skipped unexpectedly", len(unexpected))
	}
	return nil
}

// patterns reads the file of expected skips; no file means that none is expected.
func patterns(file string) ([]*regexp.Regexp, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	var compiled []*regexp.Regexp
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, err := regexp.Compile(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		compiled = append(compiled, pattern)
	}
	return compiled, lines.Err()
}
