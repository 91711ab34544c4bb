// Package transporttest is what the tests of internal/transport and of the clients over it have in common.
package transporttest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
)

// FailureOf returns the error, which must be an *apierror.Error of the kind and of no other.
func FailureOf(t *testing.T, err, kind error) *apierror.Error {
	t.Helper()
	var failure *apierror.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want an *apierror.Error", err)
	}
	if !errors.Is(failure.Kind, kind) {
		t.Fatalf("got the kind %q, want %q: %v", failure.Kind, kind, failure)
	}
	return failure
}

// AnswerRaw serves the stored bytes as the answer to every request, until the end of the test.
func AnswerRaw(tb testing.TB) (*atomic.Pointer[[]byte], *url.URL) {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	answer := &atomic.Pointer[[]byte]{}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				if r, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = connection.Write(*answer.Load())
				}
			}()
		}
	}()
	return answer, &url.URL{Scheme: "http", Host: listener.Addr().String()}
}
