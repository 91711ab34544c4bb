package provider_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"
)

// countedServer serves a handler and knows every connection to it.
type countedServer struct {
	url string

	mu     sync.Mutex
	open   map[net.Conn]bool
	opened int
}

// newCountedServer serves the handler until the end of the test.
func newCountedServer(t *testing.T, handler http.Handler) *countedServer {
	t.Helper()
	s := &countedServer{open: map[net.Conn]bool{}}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(connection net.Conn, state http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch state {
		case http.StateNew:
			s.opened++
			s.open[connection] = true
		case http.StateClosed, http.StateHijacked:
			delete(s.open, connection)
		default:
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// newly returns how many connections were opened since the last call.
func (s *countedServer) newly() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.opened
	s.opened = 0
	return n
}

// mustHaveNoConnection waits until all are closed.
func (s *countedServer) mustHaveNoConnection(t *testing.T) {
	t.Helper()
	eventually(t, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.open) > 0 {
			return fmt.Sprintf("%d connections are left", len(s.open))
		}
		return ""
	})
}

// mustHaveEnded waits until there are no more goroutines than before.
func mustHaveEnded(t *testing.T, before int) {
	t.Helper()
	eventually(t, func() string {
		after := runtime.NumGoroutine()
		if after <= before {
			return ""
		}
		stacks := make([]byte, 1<<20)
		return fmt.Sprintf("%d goroutines instead of %d:\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
	})
}

// eventually fails the test if something is wrong for a minute.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		what := wrong()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// inParallel calls do for 0 to n-1, so many at a time.
func inParallel(n, parallelism int, do func(i int)) {
	var wait sync.WaitGroup
	tickets := make(chan struct{}, parallelism)
	for i := range n {
		tickets <- struct{}{}
		wait.Go(func() {
			defer func() { <-tickets }()
			do(i)
		})
	}
	wait.Wait()
}
