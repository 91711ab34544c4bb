// Package transport sends requests to Kibana and Elasticsearch: authentication, TLS, retries, bounds, and one type of
// error. It knows nothing of what the requests are for.
package transport

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

const (
	// DefaultRequestTimeout bounds one request with its answer. Changes of keys take about a second (contract E).
	DefaultRequestTimeout = 30 * time.Second
	// maxBody bounds an answer, in bytes. A page of a thousand keys takes about one MiB.
	maxBody = 16 << 20
	// idleConnections is how many connections to a host stay open between requests; Terraform runs 10 operations at a
	// time, and up to some hundreds when asked to.
	idleConnections = 100

	unsendable = "the token or API key holds a line break or another control character, which no header can carry; check how it was copied or read"
)

// Config is what a Client needs. Product, URLs and Explain are required.
type Config struct {
	Product        string // the name for messages
	URLs           []*url.URL
	Credential     credential.Credential
	TLS            TLS
	RequestTimeout time.Duration // of one attempt; 0 means DefaultRequestTimeout
	UserAgent      string
	Clock          clock.Clock // nil means the machine's
	// Explain fills in what the product's answer means: Type, Reason, and a better Kind. It gets the error with Status
	// and the Kind that the status alone suggests.
	Explain func(err *apierror.Error, answer *Answer)
}

// Repeat says when a request may be sent again.
type Repeat int

const (
	// Repeatable requests are sent again on whatever may pass: they do no harm when they arrive twice.
	Repeatable Repeat = iota
	// OnlyUndelivered requests are sent again only if they provably had no effect: the connection was never made, or
	// the server said that it had not begun (429, or "not ready yet").
	OnlyUndelivered
)

// Answer is a whole answer.
type Answer struct {
	Sent   time.Time // when the request that it answers was sent, by the client's clock
	URL    string    // scheme, host and path of that request
	Status int
	Header http.Header
	Body   []byte
}

// Client sends requests to one product. It is safe for concurrent use.
type Client struct {
	config   Config
	elastic  *elastictransport.Client
	http     *http.Transport
	secrets  []secret.Text
	jittered func() float64
}

// New returns a client. The error is an *OptionError when a TLS option cannot be used.
func New(config Config) (*Client, error) {
	tlsConfig, err := config.TLS.Config(config.URLs...)
	if err != nil {
		return nil, err
	}
	if config.RequestTimeout == 0 {
		config.RequestTimeout = DefaultRequestTimeout
	}
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	roundTripper := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       tlsConfig,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	elastic, err := elastictransport.NewClient(
		elastictransport.WithURLs(config.URLs...),
		elastictransport.WithTransport(roundTripper),
		elastictransport.WithUserAgent(config.UserAgent),
		// Elastic's library repeats every request, a create too, and without a pause.
		elastictransport.WithDisableRetry(),
	)
	if err != nil {
		return nil, err
	}
	return &Client{
		config: config, elastic: elastic, http: roundTripper,
		secrets: config.Credential.Secrets(), jittered: rand.Float64,
	}, nil
}

// As returns a client for the same server that shares its connections and authenticates otherwise.
func (c *Client) As(other credential.Credential) *Client {
	clone := *c
	clone.config.Credential = other
	clone.secrets = append(other.Secrets(), c.secrets...)
	return &clone
}

// Credential returns who the client says it is.
func (c *Client) Credential() credential.Credential { return c.config.Credential }

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Perform sends a Repeatable request. It makes Client usable with the request types of go-elasticsearch's esapi.
func (c *Client) Perform(req *http.Request) (*http.Response, error) {
	answer, err := c.Do(req, Repeatable)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body)), Request: req,
	}, nil
}

// Do sends req, whose URL holds only path and query, and returns a 2xx answer. Every error is an *apierror.Error.
//
// The end of req's context cuts a Repeatable request at once. A request of the policy OnlyUndelivered that is under way
// runs on, for at most RequestTimeout, because its answer may be the only copy of a secret. Nothing is sent afterwards.
func (c *Client) Do(req *http.Request, repeat Repeat) (*Answer, error) {
	body, err := readAll(req)
	if err != nil {
		return nil, c.failed(req, &apierror.Error{Kind: apierror.ErrBadRequest, Reason: err.Error(), Cause: err, Undelivered: true})
	}
	if strings.ContainsFunc(c.config.Credential.Authorization().Reveal(), unicode.IsControl) {
		return nil, c.failed(req, &apierror.Error{Kind: apierror.ErrBadRequest, Reason: unsendable, Undelivered: true})
	}
	ctx := req.Context()
	patience := patience(ctx)
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, c.failed(req, noAnswer(ctx, err, false))
		}
		answer, header, failure := c.attempt(req, body, repeat, attempt)
		if failure == nil {
			return answer, nil
		}
		pause, ok := c.pause(ctx, failure, header, repeat, attempt, patience)
		if !ok {
			return nil, failure
		}
		tflog.Info(ctx, "Waiting before the request is sent again", map[string]any{
			"product": c.config.Product, "method": req.Method, "path": req.URL.Path,
			"pause_ms": pause.Milliseconds(), "attempt": attempt, "reason": failure.Error(),
		})
		if c.config.Clock.Sleep(ctx, pause) != nil {
			return nil, failure
		}
		patience -= pause
	}
}

// attempt sends the request once. With an error it returns the answer's header, if there was an answer.
func (c *Client) attempt(req *http.Request, body []byte, repeat Repeat, attempt int) (*Answer, http.Header, *apierror.Error) {
	ctx := req.Context()
	if repeat == OnlyUndelivered {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.RequestTimeout)
	defer cancel()
	connected := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})

	send := req.Clone(ctx)
	// Without GetBody Go's own transport cannot send a body a second time.
	send.Body, send.ContentLength, send.GetBody = http.NoBody, int64(len(body)), nil
	if len(body) > 0 {
		send.Body = io.NopCloser(bytes.NewReader(body))
	}
	if authorization := c.config.Credential.Authorization(); !authorization.IsZero() {
		send.Header.Set("Authorization", authorization.Reveal())
	}

	started := c.config.Clock.Now()
	answer, err := c.exchange(send)
	if answer != nil {
		answer.Sent, answer.URL = started, address(send.URL)
	}
	failure := c.judge(send, answer, err, connected)
	c.log(send, answer, failure, attempt, c.config.Clock.Now().Sub(started))
	if failure == nil {
		return answer, nil, nil
	}
	if answer == nil {
		return nil, nil, failure
	}
	return nil, answer.Header, failure
}

// exchange sends the request and reads the whole answer. After an error in the body the answer has Status and Header.
func (c *Client) exchange(req *http.Request) (*Answer, error) {
	res, err := c.elastic.Perform(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer := &Answer{Status: res.StatusCode, Header: res.Header}
	answer.Body, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(answer.Body) > maxBody {
		err = errTooLarge
	}
	return answer, err
}

func (c *Client) log(req *http.Request, answer *Answer, failure *apierror.Error, attempt int, took time.Duration) {
	fields := map[string]any{
		"product": c.config.Product, "method": req.Method, "host": req.URL.Host, "path": req.URL.Path,
		"attempt": attempt, "duration_ms": took.Milliseconds(),
	}
	if answer != nil {
		fields["status"] = answer.Status
	}
	if failure != nil {
		fields["error"] = failure.Error()
	}
	tflog.Debug(req.Context(), "Request", fields)
}

// readAll takes the body out of req, so that each attempt sends it anew.
func readAll(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer func() { _ = req.Body.Close() }()
	return io.ReadAll(req.Body)
}

// address is the request's URL without query and user.
func address(u *url.URL) string {
	if u.Host == "" {
		return u.Path
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host, "/") + u.Path
}
