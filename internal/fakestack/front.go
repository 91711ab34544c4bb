package fakestack

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxLogged bounds what a front reads of a request, in bytes.
const maxLogged = 100 << 20

// Request is what a front noted of one request. It holds no secret.
type Request struct {
	// Time is when the request arrived, by the stack's clock.
	Time         time.Time
	Method, Path string
	Query        url.Values
	// Scheme is that of the Authorization header: "Basic", "Bearer", "ApiKey" or "".
	Scheme string
	// Username is set for Basic only.
	Username string
	// Header is without Authorization, Cookie and the like.
	Header http.Header
	// Body is nil where it holds a secret.
	Body []byte
	// Status is the status of the answer; 0 when there was none (yet).
	Status int
	// Fault is the name of the fault that broke the answer; "" when none did.
	Fault string
}

// Front stands before a product, notes every request and injects faults. It is safe for concurrent use.
type Front struct {
	product http.Handler
	now     func() time.Time
	// closing is closed when the stack ends, and lets go of requests that a fault holds.
	closing <-chan struct{}
	// answered, when set, is told of every request once it is over.
	answered func(Request)
	// dated tells that the product sends a Date header.
	dated bool

	mu     sync.Mutex
	log    []*Request
	faults []*injected
	// serving counts the requests that are not over, acting those with which the product is busy though nobody may wait
	// for it any more. over tells that one has ended.
	serving, acting int
	over            *sync.Cond
}

// injected is a fault in place.
type injected struct {
	Fault
	used int
}

// Requests returns a copy of the log: every request since the start or the last ResetRequests, in
// the order of arrival, those without an answer too.
func (f *Front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	requests := make([]Request, len(f.log))
	for i, request := range f.log {
		requests[i] = request.clone()
	}
	return requests
}

// ResetRequests empties the log.
func (f *Front) ResetRequests() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = nil
}

// Inject puts a fault in place and returns what removes it. Of several that match a request, all
// hooks run and the first that breaks the answer does.
func (f *Front) Inject(fault Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entry := &injected{Fault: fault}
	f.faults = append(f.faults, entry)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(other *injected) bool { return other == entry })
	}
}

// Settle waits until the product has done what it was asked to by clients that may have left.
func (f *Front) Settle() { f.await(&f.acting) }

// Finish waits until every request that has arrived is over, also those whose client has left.
func (f *Front) Finish() { f.await(&f.serving) }

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer f.begin(&f.serving)()
	if f.dated {
		w.Header().Set("Date", f.now().UTC().Format(http.TimeFormat))
	} else {
		w.Header()["Date"] = nil
	}
	// The request is noted before its body is read, so that it is there whatever happens next.
	entry := f.note(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLogged))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	chosen := f.choose(r)
	f.update(func() {
		if !secretBody(r.URL.Path) {
			entry.Body = body
		}
		if i := slices.IndexFunc(chosen, func(fault Fault) bool { return fault.Break != nil }); i >= 0 {
			entry.Fault = chosen[i].Name
		}
	})
	watched := &watchedWriter{ResponseWriter: w, wrote: func(status int) { f.update(func() { entry.Status = status }) }}
	// Break may end the request with http.ErrAbortHandler.
	defer func() {
		if f.answered != nil {
			f.mu.Lock()
			over := entry.clone()
			f.mu.Unlock()
			f.answered(over)
		}
	}()
	f.serve(watched, r, body, chosen)
}

// serve lets the product act, or not, and breaks the answer.
func (f *Front) serve(w http.ResponseWriter, r *http.Request, body []byte, chosen []Fault) {
	exchange := &Exchange{Writer: w, Request: r, Closing: f.closing}
	if strike(exchange, chosen, false) {
		return
	}
	// A hook may have read the body.
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !slices.ContainsFunc(chosen, func(fault Fault) bool { return fault.AfterServer }) {
		f.product.ServeHTTP(w, r)
		return
	}
	exchange.Answer = f.act(r, body)
	if !strike(exchange, chosen, true) {
		exchange.Answer.write(w, exchange.Answer.Body)
	}
}

// strike runs the hooks of a moment and then the fault that breaks the answer; it reports whether there was one.
func strike(exchange *Exchange, chosen []Fault, after bool) bool {
	var breaks func(*Exchange)
	for _, fault := range chosen {
		if fault.AfterServer != after {
			continue
		}
		if fault.Hook != nil {
			fault.Hook(exchange.Request)
		}
		if fault.Watch != nil {
			fault.Watch(exchange.Answer)
		}
		if fault.Break != nil {
			breaks = fault.Break
		}
	}
	if breaks == nil {
		return false
	}
	breaks(exchange)
	return true
}

// act has the product answer into memory. It goes through even if the client leaves meanwhile, and
// without compression, so that faults can change the text.
func (f *Front) act(r *http.Request, body []byte) *Answer {
	request := r.Clone(context.WithoutCancel(r.Context()))
	request.Header.Del("Accept-Encoding")
	request.Body = io.NopCloser(bytes.NewReader(body))
	recorder := &recorder{answer: Answer{Status: http.StatusOK, Header: http.Header{}}}
	defer f.begin(&f.acting)()
	f.product.ServeHTTP(recorder, request)
	return &recorder.answer
}

// choose returns the faults that act on a request and counts them: every hook, and one that breaks.
func (f *Front) choose(r *http.Request) []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var chosen []Fault
	broken := false
	for _, entry := range f.faults {
		spent := entry.Times > 0 && entry.used >= entry.Times
		if spent || (entry.Break != nil && broken) || (entry.Match != nil && !entry.Match(r)) {
			continue
		}
		entry.used++
		broken = broken || entry.Break != nil
		chosen = append(chosen, entry.Fault)
	}
	return chosen
}

func (f *Front) note(r *http.Request) *Request {
	entry := &Request{
		Time: f.now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(),
	}
	entry.Scheme, _, _ = strings.Cut(r.Header.Get("Authorization"), " ")
	entry.Username, _, _ = r.BasicAuth()
	for name := range entry.Header {
		if secretHeader(name) {
			delete(entry.Header, name)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, entry)
	return entry
}

// begin counts what has begun, until end is called.
func (f *Front) begin(count *int) (end func()) {
	f.update(func() { *count++ })
	return func() {
		f.update(func() { *count-- })
		f.over.Broadcast()
	}
}

// await waits until nothing is counted.
func (f *Front) await(count *int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for *count > 0 {
		f.over.Wait()
	}
}

func (f *Front) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (r *Request) clone() Request {
	copied := *r
	copied.Header = r.Header.Clone()
	copied.Body = slices.Clone(r.Body)
	copied.Query = url.Values(http.Header(r.Query).Clone())
	return copied
}

func secretHeader(name string) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "Cookie", "X-Client-Authentication":
		return true
	default:
		return strings.HasPrefix(name, "Es-Secondary-")
	}
}

// secretBody tells the calls whose body holds a password, a token or a key.
func secretBody(path string) bool {
	switch path {
	case "/_security/user/_has_privileges":
		return false
	case "/_security/oauth2/token", "/_security/api_key/grant", "/_security/api_key/clone":
		return true
	default:
		return strings.HasPrefix(path, "/_security/user/")
	}
}

// recorder keeps an answer in memory.
type recorder struct {
	answer Answer
	done   bool
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.answer.Header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if !w.done && status >= http.StatusOK {
		w.done = true
		w.answer.Status = status
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.done = true
	w.answer.Body = append(w.answer.Body, p...)
	return len(p), nil
}

// watchedWriter tells the status of an answer.
type watchedWriter struct {
	http.ResponseWriter
	wrote func(status int)
	done  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *watchedWriter) WriteHeader(status int) {
	if !w.done && status >= http.StatusOK {
		w.done = true
		w.wrote(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *watchedWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.done = true
		w.wrote(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
