package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/terraform"
)

// The budgets (DESIGN.md): how many times as long it may take as with the provider that does nothing.
const (
	planBudget = 1.10
	workBudget = 1.05
)

// username is that of the owner of all keys.
const username = "terraform"

// apmConfiguration and idleConfiguration are alike but for the provider.
const (
	apmConfiguration = `terraform {
  required_providers {
    apm = { source = "elastic/apm" }
  }
}
variable "keys" { type = number }
variable "kibana" { type = string }
variable "elasticsearch" { type = string }
variable "username" { type = string }
variable "password" { type = string }
provider "apm" {
  kibana {
    endpoint = var.kibana
    username = var.username
    password = var.password
  }
  elasticsearch {
    endpoints = [var.elasticsearch]
  }
}
resource "apm_agent_key" "many" {
  count      = var.keys
  name       = "key-${count.index}"
  privileges = ["event:write"]
}
`
	idleConfiguration = `terraform {
  required_providers {
    idle = { source = "elastic/idle" }
  }
}
variable "keys" { type = number }
resource "idle_agent_key" "many" {
  count      = var.keys
  name       = "key-${count.index}"
  privileges = ["event:write"]
}
`
)

// bench is one run of this command.
type bench struct {
	options

	out      io.Writer
	dir      string
	stack    *fakestack.Stack
	password string
	// over are the comparisons that were over their budget.
	over int
}

// sides are a configuration with either provider.
type sides struct {
	apm, idle *terraform.CLI
}

// compare measures everything, and prints what it finds.
func compare(ctx context.Context, o options, out io.Writer) error {
	if o.keys < 1 || o.plans < 1 {
		return errors.New("-keys and -plans must be at least 1")
	}
	if _, err := os.Stat(o.provider); err != nil {
		return fmt.Errorf("the provider is not built, run make build: %w", err)
	}
	dir, err := os.MkdirTemp("", "apm-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) // The states in it hold keys.
	stack, err := fakestack.Start(ctx, fakestack.Options{Username: "elastic", Password: rand.Text()})
	if err != nil {
		return err
	}
	defer stack.Close()
	b := &bench{options: o, out: out, dir: dir, stack: stack, password: rand.Text()}
	if err := stack.SeedAgentKeyUser(ctx, username, b.password); err != nil {
		return err
	}
	if err := b.plan(ctx); err != nil {
		return err
	}
	if err := b.work(ctx); err != nil {
		return err
	}
	if b.over > 0 {
		return errors.New("over budget")
	}
	return nil
}

// plan compares plans that find nothing to do.
func (b *bench) plan(ctx context.Context) error {
	s, err := b.sides("plan", b.keys, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "Creating %d keys, and as many of nothing\n", b.keys)
	for _, cli := range []*terraform.CLI{s.apm, s.idle} {
		if _, err := b.run(ctx, cli, "apply", "-auto-approve"); err != nil {
			return err
		}
	}
	return b.pair(ctx, s, fmt.Sprintf("Unchanged plan of %d keys", b.keys), b.plans, planBudget, "plan", "-detailed-exitcode")
}

// work compares creations and destructions with a server that takes its time, as the real one does.
func (b *bench) work(ctx context.Context) error {
	keys := max(1, b.keys/10)
	s, err := b.sides("work", keys, b.answer)
	if err != nil {
		return err
	}
	b.stack.Kibana.Inject(fakestack.Delay(b.answer).On(fakestack.To("POST", "/api/apm/agent_keys")))
	b.stack.Elasticsearch.Inject(fakestack.Delay(b.answer).On(fakestack.To("DELETE", "/_security/api_key")))
	for _, command := range []string{"apply", "destroy"} {
		what := fmt.Sprintf("%s of %d keys, %s each, %d at a time", command, keys, b.answer, b.parallelism)
		if err := b.pair(ctx, s, what, 1, workBudget, command, "-auto-approve"); err != nil {
			return err
		}
	}
	return nil
}

// sides returns a configuration of so many keys with either provider. The one that does nothing takes as long for it as
// the server's answer.
func (b *bench) sides(name string, keys int, answer time.Duration) (*sides, error) {
	apm, idle := filepath.Join(b.dir, name, "apm"), filepath.Join(b.dir, name, "idle")
	for dir, configuration := range map[string]string{apm: apmConfiguration, idle: idleConfiguration} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(configuration), 0o600); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(self, filepath.Join(idle, idleBinary)); err != nil {
		return nil, err
	}
	count := fmt.Sprintf("TF_VAR_keys=%d", keys)
	s := &sides{}
	s.apm, err = terraform.New(apm, map[string]string{"elastic/apm": filepath.Dir(b.provider)}, []string{
		count, "TF_VAR_kibana=" + b.stack.KibanaURL(), "TF_VAR_elasticsearch=" + b.stack.ElasticsearchURL(),
		"TF_VAR_username=" + username, "TF_VAR_password=" + b.password,
	})
	if err != nil {
		return nil, err
	}
	s.idle, err = terraform.New(idle, map[string]string{idleSource: idle}, []string{count, idleDelay + "=" + answer.String()})
	return s, err
}

// pair runs the same command of both sides by turns, and notes whether the budget is kept. It goes by the fastest run of
// each side: whatever else the machine does only ever adds.
func (b *bench) pair(ctx context.Context, s *sides, what string, runs int, budget float64, args ...string) error {
	fmt.Fprintf(b.out, "\n%s\n", what)
	var took [2][]time.Duration
	for range runs {
		for i, cli := range []*terraform.CLI{s.apm, s.idle} {
			d, err := b.run(ctx, cli, args...)
			if err != nil {
				return err
			}
			took[i] = append(took[i], d)
		}
	}
	for i, name := range []string{"apm", "idle"} {
		slices.Sort(took[i])
		fmt.Fprintf(b.out, "  %-4s  min %6.2f s  median %6.2f s  max %6.2f s\n", name,
			took[i][0].Seconds(), took[i][runs/2].Seconds(), took[i][runs-1].Seconds())
	}
	ratio := took[0][0].Seconds() / took[1][0].Seconds()
	fmt.Fprintf(b.out, "  %.3f times as long, budget %.2f\n", ratio, budget)
	if ratio > budget {
		b.over++
	}
	return nil
}

// run returns how long a command took that succeeded.
func (b *bench) run(ctx context.Context, cli *terraform.CLI, args ...string) (time.Duration, error) {
	cmd := cli.Command(ctx, append(args, "-input=false", "-no-color", fmt.Sprintf("-parallelism=%d", b.parallelism))...)
	started := time.Now()
	if answer, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("terraform %s: %w\n%s", args[0], err, answer)
	}
	return time.Since(started), nil
}
