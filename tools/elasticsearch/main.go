// Command elasticsearch installs and starts a real Elasticsearch on the
// loopback and runs a command against it. README.md beside the module tells
// how it is used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Exit statuses of this command's own; else it ends with that of the command
// that it ran.
const (
	exitFailure = 1
	exitUsage   = 2
	exitMissing = 3
)

// commandGrace is how long a command may take to end after it was told to.
const commandGrace = 30 * time.Second

func main() {
	syscall.Umask(0o022) // The server's user must be able to read what root writes.
	os.Exit(run())
}

// run is what main does; the server is stopped when it returns, or panics.
func run() int {
	version := flag.String("version", "", "version of Elasticsearch: 9.4.3 or 8.14.1")
	directory := flag.String("dir", "", "working directory of the command (default: where this is run)")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: elasticsearch -version VERSION [-dir DIRECTORY] [-- COMMAND [ARGUMENT...]]\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	r, err := findRelease(*version)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()

	s, err := prepare(ctx, r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if _, missing := errors.AsType[*missingError](err); missing {
			return exitMissing
		}
		return exitFailure
	}
	defer s.stop()
	environment := []string{
		"APM_TEST_ELASTICSEARCH_URL=" + s.url,
		"APM_TEST_ELASTICSEARCH_USERNAME=" + administrator,
		"APM_TEST_ELASTICSEARCH_PASSWORD=" + s.password,
		"APM_TEST_ELASTICSEARCH_VERSION=" + r.version,
	}
	if flag.NArg() == 0 {
		return stayUp(ctx, s, environment)
	}
	return runCommand(ctx, flag.Args(), *directory, environment)
}

// prepare looks for what is needed before it spends time on a download.
func prepare(ctx context.Context, r release) (*server, error) {
	jdk, err := findJDK(r.jdk, jdkCandidates())
	if err != nil {
		return nil, fmt.Errorf("Elasticsearch %s: %w", r.version, err)
	}
	cache, err := cacheDirectory()
	if err != nil {
		return nil, err
	}
	home, err := install(ctx, r, cache)
	if err != nil {
		return nil, err
	}
	return startServer(ctx, r, home, jdk, cache)
}

// stayUp prints how the server is reached and waits for a signal; that the
// server ends by itself is a failure.
func stayUp(ctx context.Context, s *server, environment []string) int {
	fmt.Printf("# Elasticsearch listens on %s until interrupted (Ctrl-C). In another shell:\n", s.url)
	for _, variable := range environment {
		fmt.Println("export " + variable)
	}
	select {
	case <-ctx.Done():
		return 0
	case <-s.exited:
		fmt.Fprintln(os.Stderr, s.logTail())
		return exitFailure
	}
}

// runCommand runs the command with the variables added to its environment and
// returns its exit status. A signal to end is passed on to it.
func runCommand(ctx context.Context, arguments []string, directory string, environment []string) int {
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = commandGrace
	command.Dir = directory
	command.Env = append(os.Environ(), environment...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	return 0
}

// step does the work and prints what it is, that it goes on, and how long it
// took.
func step(name string, work func() error) error {
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start).Round(100 * time.Millisecond) }
	fmt.Fprintf(os.Stderr, "==> %s\n", name)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		ticker := time.NewTicker(15 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				fmt.Fprintf(os.Stderr, "    still %s (%s)\n", name, elapsed())
			}
		}
	}()
	if err := work(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "    done in %s\n", elapsed())
	return nil
}
