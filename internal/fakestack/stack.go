// Package fakestack runs stand-ins for Elasticsearch and Kibana: an in-memory security API, or a
// real Elasticsearch behind a reverse proxy, and Kibana's agent-key route over either. A front
// before each notes every request and injects faults; a settable clock tells the time.
//
// It is a stand-in rather than a set of canned answers because the provider's promises are about
// what is left on the server: tests ask the stand-in which keys live, authenticate and have died.
package fakestack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/fakestack/elasticsearch"
	"github.com/elastic/terraform-provider-apm/internal/fakestack/kibana"
)

// DefaultVersion is what both products claim to be unless told otherwise.
const DefaultVersion = "9.4.3"

// Options configure a Stack. The zero value is a stack in memory on free ports.
type Options struct {
	// Clock is the products' clock; nil is a clock at real time. A real Elasticsearch has its own.
	Clock *Clock
	// Upstream is the URL of a real Elasticsearch; empty means one in memory.
	Upstream string
	// KibanaUpstream is the URL of a real Kibana over the Upstream; empty means the stand-in.
	KibanaUpstream string
	// Username and Password are those of a superuser: created in memory, used for set-up on an
	// Upstream. The default is "elastic" and "changeme".
	Username, Password string
	// Version is that of the in-memory Elasticsearch; empty means DefaultVersion.
	Version string
	// KibanaVersion decides how Kibana's route behaves, see kibana.Options; empty means DefaultVersion.
	KibanaVersion string
	// KibanaStripsUnknownFields chooses the newest validation of bodies, which drops unknown fields.
	KibanaStripsUnknownFields bool
	// Spaces are the ids of Kibana's spaces beside "default".
	Spaces []string
	// ElasticsearchAddress and KibanaAddress are where the fronts listen; empty means "127.0.0.1:0".
	ElasticsearchAddress, KibanaAddress string
	// TLS serves both fronts with it; nil means plain HTTP.
	TLS *tls.Config
	// RefreshWait is how long the in-memory Elasticsearch waits before it answers a change of a key,
	// as the real one waits about a second for its index; 0 answers at once.
	RefreshWait time.Duration
	// Log, when set, is told of every request once it is over. It is called concurrently.
	Log func(product string, request Request)
}

// Stack is an Elasticsearch and a Kibana that run until Close.
type Stack struct {
	// Elasticsearch and Kibana stand before the two products.
	Elasticsearch, Kibana *Front

	options Options
	// direct is the URL of Elasticsearch itself, past the front.
	direct                   string
	elasticsearchURL, kbnURL string
	client                   *http.Client
	proxied                  *http.Transport
	closing                  chan struct{}
	closed                   sync.Once
	servers                  []*http.Server
	serving                  sync.WaitGroup
}

// Start runs both products. The context bounds the start alone.
func Start(ctx context.Context, o Options) (*Stack, error) {
	o = o.withDefaults()
	s := &Stack{
		options: o, direct: o.Upstream, closing: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		// Answers pass as they are: the client asks for compression, or does not.
		proxied: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the listeners and all connections, and lets go of requests that a fault holds.
func (s *Stack) Close() {
	s.closed.Do(func() {
		close(s.closing)
		for _, server := range s.servers {
			// It fails only where the listener is closed already.
			_ = server.Close()
		}
		s.serving.Wait()
		s.client.CloseIdleConnections()
		s.proxied.CloseIdleConnections()
	})
}

// ElasticsearchURL returns the URL of Elasticsearch's front, without a slash at the end.
func (s *Stack) ElasticsearchURL() string { return s.elasticsearchURL }

// KibanaURL returns the URL of Kibana's front, without a slash at the end.
func (s *Stack) KibanaURL() string { return s.kbnURL }

// Clock returns the products' clock.
func (s *Stack) Clock() *Clock { return s.options.Clock }

func (o Options) withDefaults() Options {
	fill := func(target *string, value string) {
		if *target == "" {
			*target = value
		}
	}
	fill(&o.Username, "elastic")
	fill(&o.Password, "changeme")
	fill(&o.Version, DefaultVersion)
	fill(&o.KibanaVersion, DefaultVersion)
	fill(&o.ElasticsearchAddress, "127.0.0.1:0")
	fill(&o.KibanaAddress, "127.0.0.1:0")
	if o.Clock == nil {
		o.Clock = RealTime()
	}
	return o
}

// start builds the products from the inside out: Elasticsearch, its front, Kibana over the former.
func (s *Stack) start(ctx context.Context) error {
	product, err := s.elasticsearchProduct(ctx)
	if err != nil {
		return err
	}
	s.Elasticsearch = s.front("Elasticsearch", product, false)
	if s.elasticsearchURL, err = s.listen(ctx, s.options.ElasticsearchAddress, s.Elasticsearch, s.options.TLS); err != nil {
		return err
	}
	if product, err = s.kibanaProduct(ctx); err != nil {
		return err
	}
	s.Kibana = s.front("Kibana", product, true)
	s.kbnURL, err = s.listen(ctx, s.options.KibanaAddress, s.Kibana, s.options.TLS)
	return err
}

// kibanaProduct returns the handler behind Kibana's front. The stand-in speaks to Elasticsearch past its front, so that
// the request log holds the client's calls alone.
func (s *Stack) kibanaProduct(ctx context.Context) (http.Handler, error) {
	if s.options.KibanaUpstream != "" {
		return s.proxy(s.options.KibanaUpstream)
	}
	route := kibana.New(kibana.Options{
		Elasticsearch: s.direct, Client: s.client, Now: s.options.Clock.Now, Version: s.options.KibanaVersion,
		StripsUnknownFields: s.options.KibanaStripsUnknownFields, Spaces: s.options.Spaces,
	})
	err := route.RegisterPrivileges(ctx, s.options.Username, s.options.Password)
	return route, err
}

// elasticsearchProduct returns the handler behind Elasticsearch's front and sets its direct URL.
func (s *Stack) elasticsearchProduct(ctx context.Context) (http.Handler, error) {
	if s.options.Upstream == "" {
		memory := elasticsearch.New(elasticsearch.Options{
			Now: s.options.Clock.Now, Username: s.options.Username, Password: s.options.Password,
			Version: s.options.Version, RefreshWait: s.options.RefreshWait,
		})
		var err error
		s.direct, err = s.listen(ctx, "127.0.0.1:0", memory, nil)
		return memory, err
	}
	return s.proxy(s.options.Upstream)
}

// proxy returns a handler that passes everything on to a real product.
func (s *Stack) proxy(upstream string) (http.Handler, error) {
	target, err := url.Parse(upstream)
	if err != nil || target.Host == "" {
		return nil, errors.New("the URL of an upstream is none")
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: s.proxied,
		ErrorLog:  log.New(io.Discard, "", 0),
	}, nil
}

func (s *Stack) front(name string, product http.Handler, dated bool) *Front {
	front := &Front{product: product, now: s.options.Clock.Now, closing: s.closing, dated: dated}
	front.over = sync.NewCond(&front.mu)
	if s.options.Log != nil {
		front.answered = func(request Request) { s.options.Log(name, request) }
	}
	return front
}

// listen serves a handler and returns its URL.
func (s *Stack) listen(ctx context.Context, address string, handler http.Handler, config *tls.Config) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("listening on %s: %w", address, err)
	}
	scheme := "http"
	base := "://" + listener.Addr().String()
	if config != nil {
		scheme = "https"
		listener = tls.NewListener(listener, config)
	}
	server := &http.Server{
		Handler:  handler,
		ErrorLog: log.New(io.Discard, "", 0),
		// Neither product speaks HTTP/2, and faults need the connection to themselves.
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ReadHeaderTimeout: time.Minute,
	}
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		// Serve ends with an error always: that of the closed listener.
		_ = server.Serve(listener)
	})
	return scheme + base, nil
}
