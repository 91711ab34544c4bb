// Package terraform runs the real terraform with providers as they were built, in an environment that configures neither.
package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// CLI is the terraform on the PATH, in one working directory.
type CLI struct {
	binary string
	dir    string
	env    []string
}

// New returns the terraform that finds the provider of each source address as an executable in the directory given for
// it. The variables, TF_VAR_ and the like, are added to an environment that is free of everything that would configure
// Terraform or a provider otherwise. The CLI configuration is written to dir.
func New(dir string, providers map[string]string, variables []string) (*CLI, error) {
	binary, err := exec.LookPath("terraform")
	if err != nil {
		return nil, errors.New("terraform is not on the PATH: install Terraform 1.11 or newer, https://developer.hashicorp.com/terraform/install")
	}
	var overrides strings.Builder
	for _, source := range slices.Sorted(maps.Keys(providers)) {
		built, err := filepath.Abs(providers[source])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&overrides, "    %q = %q\n", source, built)
	}
	config := filepath.Join(dir, "terraform.tfrc")
	content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n%s  }\n}\n", &overrides)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return nil, err
	}
	env := append(cleaned(os.Environ()), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE="+config)
	return &CLI{binary: binary, dir: dir, env: append(env, variables...)}, nil
}

// Command returns a call of terraform. When ctx ends it is interrupted, so that it can save its state.
func (c *CLI) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir = c.dir
	cmd.Env = c.env
	return cmd
}

// Version returns terraform's version.
func (c *CLI) Version(ctx context.Context) (string, error) {
	answer, err := c.Command(ctx, "version", "-json").Output()
	if err != nil {
		return "", fmt.Errorf("terraform version: %w", err)
	}
	var version struct {
		Terraform string `json:"terraform_version"`
	}
	err = json.Unmarshal(answer, &version)
	return version.Terraform, err
}

// cleaned drops the variables that configure Terraform, the provider or its tests.
func cleaned(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		return slices.ContainsFunc([]string{"TF_", "KIBANA_", "ELASTICSEARCH_", "ELASTIC_", "APM_TEST_"}, func(prefix string) bool {
			return strings.HasPrefix(variable, prefix)
		})
	})
}
