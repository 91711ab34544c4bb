package fakestack

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Fault breaks the answers to some requests, or runs code when one arrives.
type Fault struct {
	// Name is noted in the request log.
	Name string
	// Match chooses the requests; nil chooses every one.
	Match func(*http.Request) bool
	// Times is how often the fault acts; 0 is always.
	Times int
	// AfterServer lets the product act first; then its answer is broken.
	AfterServer bool
	// Hook, when set, is run first.
	Hook func(*http.Request)
	// Watch, when set, is shown the product's answer before anything breaks it. It needs AfterServer.
	Watch func(*Answer)
	// Break, when set, answers in the product's place, or leaves the client without an answer.
	Break func(*Exchange)
}

// Exchange is one request that a fault answers.
type Exchange struct {
	Writer  http.ResponseWriter
	Request *http.Request
	// Answer is the product's; nil when it has not acted.
	Answer *Answer
	// Closing is closed when the stack ends.
	Closing <-chan struct{}
}

// Answer is a product's answer, uncompressed.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// On returns the fault for the requests that match chooses.
func (f Fault) On(match func(*http.Request) bool) Fault {
	f.Match = match
	return f
}

// Once returns the fault that acts one time only.
func (f Fault) Once() Fault {
	f.Times = 1
	return f
}

// After returns the fault that strikes when the product has acted.
func (f Fault) After() Fault {
	f.AfterServer = true
	return f
}

// To matches requests by method, "" for any, and path; a path that ends with * matches by its beginning.
func To(method, path string) func(*http.Request) bool {
	prefix, starred := strings.CutSuffix(path, "*")
	return func(r *http.Request) bool {
		if method != "" && r.Method != method {
			return false
		}
		return r.URL.Path == path || (starred && strings.HasPrefix(r.URL.Path, prefix))
	}
}

// write sends the answer's status and headers with a body, declaring that body's length.
func (a *Answer) write(w http.ResponseWriter, body []byte) {
	a.writeHeader(w, len(body))
	// A client that has gone cannot be told so.
	_, _ = w.Write(body)
}

// writeHeader sends the status and headers, declaring a length in bytes; none when it is negative.
func (a *Answer) writeHeader(w http.ResponseWriter, length int) {
	header := w.Header()
	maps.Copy(header, a.Header)
	header.Del("Content-Length")
	if length >= 0 {
		header.Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(a.Status)
}
