// Command stack runs an in-memory Elasticsearch and Kibana's agent-key route on loopback ports until
// it is interrupted, and prints the environment variables with which to use them.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// username is that of the user whose credentials are printed.
const username = "terraform"

// startTimeout bounds the start of the stack.
const startTimeout = 30 * time.Second

// flags are the command's arguments.
type flags struct {
	elasticsearch, kibana string
	upstream              string
	adminUsername         string
	password              string
	refreshWait           time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, parse(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

func parse() flags {
	var f flags
	flag.StringVar(&f.elasticsearch, "elasticsearch-address", "127.0.0.1:9200", "where Elasticsearch listens; port 0 picks a free one")
	flag.StringVar(&f.kibana, "kibana-address", "127.0.0.1:5601", "where Kibana listens; port 0 picks a free one")
	flag.StringVar(&f.upstream, "elasticsearch-url", "", "a real Elasticsearch to put Kibana's route over, instead of one in memory; "+
		"the password of its superuser is read from ELASTIC_PASSWORD")
	flag.StringVar(&f.adminUsername, "admin-username", "elastic", "the superuser's name; its password is that of ELASTIC_PASSWORD, in memory else a random one")
	flag.StringVar(&f.password, "password", "", "the password of the user "+username+"; empty means a random one")
	flag.DurationVar(&f.refreshWait, "refresh-wait", 0, "how long a change of a key takes, as the index refresh of a real server does")
	flag.Parse()
	return f
}

// run starts the stack, prints how to use it and waits for the context to end.
func run(ctx context.Context, f flags, out io.Writer) error {
	lines := &printer{out: out}
	// A password that was given may open more than this stack, so it is not repeated.
	admin, told := os.Getenv("ELASTIC_PASSWORD"), "that of ELASTIC_PASSWORD"
	if admin == "" {
		admin = rand.Text()
		told = admin
	}
	if f.password == "" {
		f.password = rand.Text()
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	stack, err := fakestack.Start(starting, fakestack.Options{
		Upstream: f.upstream, Username: f.adminUsername, Password: admin,
		ElasticsearchAddress: f.elasticsearch, KibanaAddress: f.kibana, RefreshWait: f.refreshWait,
		Log: lines.request,
	})
	if err != nil {
		return err
	}
	defer stack.Close()
	if err := stack.SeedAgentKeyUser(starting, username, f.password); err != nil {
		return err
	}
	where := "in memory"
	if f.upstream != "" {
		where = "a proxy before a real one"
	}
	lines.print("# Elasticsearch (%s) and Kibana's agent-key route are running. Interrupt to end them.\n"+
		"# Administrator: user %s, password %s\n"+
		"# The user %s holds the least that creating and revoking agent keys takes.\n"+
		"export ELASTICSEARCH_ENDPOINTS=%s\nexport KIBANA_ENDPOINT=%s\nexport KIBANA_USERNAME=%s\nexport KIBANA_PASSWORD='%s'\n",
		where, f.adminUsername, told, username, stack.ElasticsearchURL(), stack.KibanaURL(), username, f.password)
	<-ctx.Done()
	return nil
}

// printer writes whole lines, also when several requests end at once.
type printer struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *printer) print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Nothing is left to tell a failure to.
	_, _ = fmt.Fprintf(p.out, format, args...)
}

func (p *printer) request(product string, r fakestack.Request) {
	p.print("# %s %-13s %s %s %d\n", r.Time.Format(time.TimeOnly), product, r.Method, (&url.URL{Path: r.Path}).EscapedPath(), r.Status)
}
