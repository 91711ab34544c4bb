package provider_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cli runs the real terraform with the provider as built from this checkout, in a directory of its own. Each run leaves
// what it printed and logged there: NAME.out, NAME.err and NAME.log.
type cli struct {
	t           *testing.T
	dir         string
	environment []string
}

// newCLI builds the provider, and writes the configuration. The variables are all that Terraform and the provider get of
// the environment, beside what every program needs.
func newCLI(t *testing.T, configuration string, variables map[string]string) *cli {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Fatal("terraform is not on the PATH: install Terraform 1.11 or newer")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "terraform-provider-apm"), "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the provider: %s\n%s", err, out)
	}
	c := &cli{t: t, dir: t.TempDir()}
	overrides := filepath.Join(bin, "terraform.tfrc")
	content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"elastic/apm\" = %q\n  }\n}\n", bin)
	if err := os.WriteFile(overrides, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c.write("main.tf", configuration)
	c.environment = append(withoutPrefixes(os.Environ(), "TF_", "KIBANA_", "ELASTICSEARCH_", "ELASTIC_", "APM_TEST_"),
		"TF_CLI_CONFIG_FILE="+overrides, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	for name, value := range variables {
		c.environment = append(c.environment, name+"="+value)
	}
	return c
}

// run runs a command and returns its status; variables are added to the environment.
func (c *cli) run(name string, variables map[string]string, args ...string) int {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "terraform", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // Lets terraform save its state.
	cmd.Dir = c.dir
	cmd.Env = append(slices.Clone(c.environment), "TF_LOG_PATH="+c.path(name+".log"))
	for variable, value := range variables {
		cmd.Env = append(cmd.Env, variable+"="+value)
	}
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

// withoutPrefixes drops the variables whose names begin so.
func withoutPrefixes(environment []string, prefixes ...string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
}
