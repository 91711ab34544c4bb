// Command bench measures the budgets of time in DESIGN.md with the real terraform on the in-memory stack: what the
// built provider costs is set against a provider that does nothing, in one run and by turns. The status is 1 where a
// budget is not kept.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are what the flags say.
type options struct {
	provider    string
	keys        int
	plans       int
	parallelism int
	answer      time.Duration
}

func main() {
	// Terraform starts this program as a provider by that name.
	if strings.HasPrefix(filepath.Base(os.Args[0]), idleBinary) {
		if err := serveIdle(context.Background(), os.Getenv(idleDelay)); err != nil {
			log.Fatal(err)
		}
		return
	}
	var o options
	flag.StringVar(&o.provider, "provider", "bin/terraform-provider-apm", "the built provider")
	flag.IntVar(&o.keys, "keys", 1000, "number of keys that a plan refreshes; a tenth of them is created and destroyed")
	flag.IntVar(&o.plans, "plans", 7, "number of plans of each provider")
	flag.IntVar(&o.parallelism, "parallelism", 10, "terraform's -parallelism")
	flag.DurationVar(&o.answer, "answer", time.Second, "time that the server takes for a create and for a revocation")
	flag.Parse()
	os.Exit(run(o, os.Stdout))
}

// run is main, as a function that returns so that its deferred calls happen.
func run(o options, out io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, o, out); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}
