package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/terraform"
)

// planHasChanges is the status of `terraform plan -detailed-exitcode` when it is not empty.
const planHasChanges = 2

// overrideWarning is the summary of Terraform's own warning about the development build that the demo is about.
const overrideWarning = "Provider development overrides are in effect"

// lineWidth is how many characters of what terraform says go on a line.
const lineWidth = 100

// shown is the real terraform, with what it does shown.
type shown struct {
	*terraform.CLI

	out io.Writer
}

// outcome is what one call of terraform came to.
type outcome struct {
	status      int
	diagnostics []diagnostic
	actions     map[string]string // What is planned (create, replace, delete) by resource address.
}

// diagnostic is an error or a warning.
type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
}

// event is a line of terraform's output with -json; only what the demo shows or checks.
type event struct {
	Type       string      `json:"type"`
	Message    string      `json:"@message"`
	Diagnostic *diagnostic `json:"diagnostic"`
	Change     struct {
		Action   string `json:"action"`
		Resource struct {
			Addr string `json:"addr"`
		} `json:"resource"`
	} `json:"change"`
}

// do shows and runs a command with the machine-readable output that all of plan, apply and destroy have, and shows
// what of it a reader wants. Status 1 is an error.
func (t *shown) do(ctx context.Context, args ...string) (*outcome, error) {
	fmt.Fprintf(t.out, "   $ terraform %s\n", strings.Join(args, " "))
	cmd := t.Command(ctx, append(args, "-json", "-input=false")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	result := &outcome{actions: make(map[string]string)}
	scanErr := t.follow(stdout, result)
	err = cmd.Wait()
	result.status = cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.As(err, &exit):
		return nil, err
	case result.status != 0 && result.status != planHasChanges:
		return nil, fmt.Errorf("terraform %s failed with status %d\n%s", args[0], result.status, &stderr)
	}
	return result, scanErr
}

// output returns the value of an output; it is not shown, as it may be secret.
func (t *shown) output(ctx context.Context, name string) (string, error) {
	value, err := t.Command(ctx, "output", "-raw", name).Output()
	if err != nil {
		return "", fmt.Errorf("terraform output %s: %w", name, err)
	}
	return string(value), nil
}

// follow reads the events, shows them and notes them in result.
func (t *shown) follow(stdout io.Reader, result *outcome) error {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch e.Type {
		case "planned_change":
			result.actions[e.Change.Resource.Addr] = e.Change.Action
			t.show(e.Message)
		case "apply_complete", "change_summary":
			t.show(e.Message)
		case "diagnostic":
			if e.Diagnostic == nil || e.Diagnostic.Summary == overrideWarning {
				continue
			}
			result.diagnostics = append(result.diagnostics, *e.Diagnostic)
			t.show(e.Message + "\n" + e.Diagnostic.Detail)
		}
	}
	return lines.Err()
}

// show prints text that terraform said, wrapped to the width of a terminal.
func (t *shown) show(text string) {
	for paragraph := range strings.Lines(text) {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && len(line)+len(word) >= lineWidth {
				fmt.Fprintf(t.out, "   | %s\n", line)
				line = ""
			}
			line = strings.TrimSpace(line + " " + word)
		}
		fmt.Fprintf(t.out, "   | %s\n", line)
	}
}

// warns reports whether a warning says all of the words.
func (o *outcome) warns(words ...string) bool {
	return slices.ContainsFunc(o.diagnostics, func(d diagnostic) bool {
		text := d.Summary + " " + d.Detail
		missing := slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
		return d.Severity == "warning" && !missing
	})
}
