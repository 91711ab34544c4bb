// Command terraform-provider-apm is a Terraform provider for Elastic APM agent keys.
package main

import (
	"context"
	"flag"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/provider"
)

// version is set when a release is built.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "run until stopped, for a debugger such as delve")
	flag.Parse()

	dependencies := provider.Dependencies{Version: version, Clock: clock.System{}, Getenv: os.Getenv}
	err := providerserver.Serve(context.Background(), provider.New(dependencies), providerserver.ServeOpts{
		Address: "registry.terraform.io/elastic/apm",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
