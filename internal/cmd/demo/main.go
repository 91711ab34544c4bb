// Command demo shows an APM agent key's whole life with the real terraform, the built provider and an in-memory
// Elasticsearch and Kibana. Each step says what it proves and checks it at the server; the status is 1 as soon as one
// is not as told. It needs no network.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/terraform"
)

// username is that of the key's owner, who may do no more than a key's life takes.
const username = "terraform"

// configuration is what a user would write. Its variables come from the environment.
const configuration = `terraform {
  required_providers {
    apm = {
      source = "elastic/apm"
    }
  }
}

variable "kibana" { type = string }
variable "elasticsearch" { type = string }
variable "username" { type = string }
variable "password" {
  type      = string
  sensitive = true
}
variable "revoke_after" {
  type    = string
  default = null
}

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

resource "apm_agent_key" "checkout" {
  name       = "checkout"
  privileges = ["event:write", "config_agent:read"]

  expires_in   = "90d"
  rotate_after = "60d"
  revoke_after = var.revoke_after
}

output "id" {
  value     = apm_agent_key.checkout.id
  sensitive = true
}

output "encoded" {
  value     = apm_agent_key.checkout.encoded
  sensitive = true
}
`

func main() {
	provider := flag.String("provider", "bin/terraform-provider-apm", "the built provider")
	flag.Parse()
	os.Exit(run(*provider, os.Stdout))
}

// run is main, as a function that returns so that its deferred calls happen.
func run(provider string, out io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demonstrate(ctx, provider, out); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		return 1
	}
	return 0
}

func demonstrate(ctx context.Context, provider string, out io.Writer) error {
	dir, err := os.MkdirTemp("", "apm-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) // The state in it holds keys.
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(configuration), 0o600); err != nil {
		return err
	}

	stack, err := fakestack.Start(ctx, fakestack.Options{Username: "elastic", Password: rand.Text()})
	if err != nil {
		return err
	}
	defer stack.Close()
	password := rand.Text()
	if err := stack.SeedAgentKeyUser(ctx, username, password); err != nil {
		return err
	}

	if _, err := os.Stat(provider); err != nil {
		return fmt.Errorf("the provider is not built, run make build: %w", err)
	}
	cli, err := terraform.New(dir, map[string]string{"elastic/apm": filepath.Dir(provider)}, []string{
		"TF_VAR_kibana=" + stack.KibanaURL(), "TF_VAR_elasticsearch=" + stack.ElasticsearchURL(),
		"TF_VAR_username=" + username, "TF_VAR_password=" + password,
	})
	if err != nil {
		return err
	}
	version, err := cli.Version(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Terraform %s with the provider built from this checkout, on an in-memory Elasticsearch and Kibana.\n"+
		"The user %q has the least privileges that this takes.\n", version, username)

	return tell(ctx, &story{terraform: &shown{cli, out}, stack: stack}, out)
}
