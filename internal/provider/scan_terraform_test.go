package provider_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/terraform"
)

// cli runs the real terraform with the provider as built from this checkout, in a directory of its own. Each run leaves
// what it printed and logged there: NAME.out, NAME.err and NAME.log.
type cli struct {
	t         *testing.T
	dir       string
	terraform *terraform.CLI
}

// newCLI builds the provider, and writes the configuration. The variables are all that Terraform and the provider get of
// the environment, beside what every program needs.
func newCLI(t *testing.T, configuration string, variables map[string]string) *cli {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "terraform-provider-apm"), "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the provider: %s\n%s", err, out)
	}
	c := &cli{t: t, dir: t.TempDir()}
	c.write("main.tf", configuration)
	var err error
	if c.terraform, err = terraform.New(c.dir, map[string]string{"elastic/apm": bin}, assignments(variables)); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs a command and returns its status; variables are added to the environment.
func (c *cli) run(name string, variables map[string]string, args ...string) int {
	c.t.Helper()
	cmd := c.terraform.Command(c.t.Context(), args...)
	cmd.Env = slices.Concat(cmd.Env, []string{"TF_LOG_PATH=" + c.path(name+".log")}, assignments(variables))
	out, err := os.Create(c.path(name + ".out"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	failures, err := os.Create(c.path(name + ".err"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = failures.Close() }()
	cmd.Stdout, cmd.Stderr = out, failures
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatalf("running terraform %s: %s", args[0], err)
	}
	return cmd.ProcessState.ExitCode()
}

// must is run of a command that has to succeed.
func (c *cli) must(name string, args ...string) {
	c.t.Helper()
	if status := c.run(name, nil, args...); status != 0 {
		c.t.Fatalf("terraform %s ended with status %d:\n%s", args[0], status, c.read(name+".err"))
	}
}

func (c *cli) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cli) read(name string) string {
	c.t.Helper()
	content, err := os.ReadFile(c.path(name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(content)
}

func (c *cli) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(c.path(name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// assignments are variables as the environment of a program has them.
func assignments(variables map[string]string) []string {
	var assigned []string
	for name, value := range variables {
		assigned = append(assigned, name+"="+value)
	}
	return assigned
}
