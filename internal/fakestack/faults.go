package fakestack

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// dripInterval is the pause between two bytes of a slow body.
const dripInterval = 10 * time.Millisecond

// Respond answers with a status, headers and a body.
func Respond(status int, header http.Header, body string) Fault {
	return Fault{Name: "respond " + strconv.Itoa(status), Break: func(x *Exchange) {
		(&Answer{Status: status, Header: header}).write(x.Writer, []byte(body))
	}}
}

// KibanaNotReady answers as Kibana does while it starts (contract A4).
func KibanaNotReady() Fault {
	fault := Respond(http.StatusServiceUnavailable,
		http.Header{"Retry-After": {"30"}, "Content-Type": {"text/plain; charset=utf-8"}}, "Kibana server is not ready yet")
	fault.Name = "Kibana not ready"
	return fault
}

// TooManyRequests answers 429; retryAfter is the value of that header, "" for none.
func TooManyRequests(retryAfter string) Fault {
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return Respond(http.StatusTooManyRequests, header, `{"statusCode":429,"error":"Too Many Requests","message":"Rate limit exceeded"}`)
}

// ProxyHTML answers as a proxy in between does that cannot reach the product: 502, 503 or 504 with a page.
func ProxyHTML(status int) Fault {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	fault := Respond(status, http.Header{"Content-Type": {"text/html"}, "Server": {"nginx"}},
		"<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
	fault.Name = "proxy " + strconv.Itoa(status)
	return fault
}

// RedirectTo answers 307 with a location; a client that follows repeats the method and the body there.
func RedirectTo(url string) Fault {
	fault := Respond(http.StatusTemporaryRedirect, http.Header{"Location": {url}}, "")
	fault.Name = "redirect"
	return fault
}

// Reset answers with a TCP reset.
func Reset() Fault {
	return Fault{Name: "reset", Break: func(x *Exchange) {
		hangUp(x.Writer, func(connection *net.TCPConn) { _ = connection.SetLinger(0) })
	}}
}

// CloseWithoutAnswer closes the connection in an orderly way, without an answer.
func CloseWithoutAnswer() Fault {
	return Fault{Name: "close without answer", Break: func(x *Exchange) { hangUp(x.Writer, func(*net.TCPConn) {}) }}
}

// Hang answers nothing until the client leaves or the stack is closed.
func Hang() Fault {
	return Fault{Name: "hang", Break: func(x *Exchange) {
		select {
		case <-x.Request.Context().Done():
		case <-x.Closing:
		}
		panic(http.ErrAbortHandler)
	}}
}

// Delay lets the request wait before it goes on, unless the client leaves.
func Delay(d time.Duration) Fault {
	return Fault{Name: "delay", Hook: func(r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}}
}

// Hook runs code when a request arrives, or with After when the product has acted.
func Hook(run func(*http.Request)) Fault { return Fault{Name: "hook", Hook: run} }

// Watch shows the product's answer, whatever becomes of it on its way.
func Watch(see func(*Answer)) Fault { return Fault{Name: "watch", AfterServer: true, Watch: see} }

// TruncateBody sends half of the product's answer, whose whole length it declared.
func TruncateBody() Fault {
	return Fault{Name: "truncated body", AfterServer: true, Break: func(x *Exchange) {
		body := x.Answer.Body
		x.Answer.writeHeader(x.Writer, len(body))
		_, _ = x.Writer.Write(body[:len(body)/2])
		_ = http.NewResponseController(x.Writer).Flush()
		panic(http.ErrAbortHandler)
	}}
}

// SlowBody sends the product's status and headers and then blanks, one at a time, without an end.
func SlowBody() Fault {
	return Fault{Name: "slow body", AfterServer: true, Break: func(x *Exchange) {
		x.Answer.writeHeader(x.Writer, -1)
		controller := http.NewResponseController(x.Writer)
		ticker := time.NewTicker(dripInterval)
		defer ticker.Stop()
		for {
			if _, err := x.Writer.Write([]byte(" ")); err != nil || controller.Flush() != nil {
				return
			}
			select {
			case <-ticker.C:
			case <-x.Request.Context().Done():
				return
			case <-x.Closing:
				return
			}
		}
	}}
}

// HugeBody sends n blanks before the product's answer, which is still valid JSON for who reads it all.
func HugeBody(n int) Fault {
	return Fault{Name: "huge body", AfterServer: true, Break: func(x *Exchange) {
		x.Answer.writeHeader(x.Writer, n+len(x.Answer.Body))
		blanks := bytes.Repeat([]byte(" "), 64<<10)
		for left := n; left > 0; left -= len(blanks) {
			if _, err := x.Writer.Write(blanks[:min(left, len(blanks))]); err != nil {
				return
			}
		}
		_, _ = x.Writer.Write(x.Answer.Body)
	}}
}

// RewriteBody changes the product's JSON answer. It fails the request when that is no object.
func RewriteBody(change func(map[string]any)) Fault {
	return Fault{Name: "rewritten body", AfterServer: true, Break: func(x *Exchange) {
		var document map[string]any
		if err := json.Unmarshal(x.Answer.Body, &document); err != nil {
			panic(http.ErrAbortHandler)
		}
		change(document)
		body, err := json.Marshal(document)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		x.Answer.write(x.Writer, body)
	}}
}

// DropHeader takes a header out of the product's answer.
func DropHeader(name string) Fault {
	return Fault{Name: "without " + name, AfterServer: true, Break: func(x *Exchange) {
		x.Answer.Header.Del(name)
		x.Answer.write(x.Writer, x.Answer.Body)
	}}
}

// hangUp closes the connection behind an answer that has not begun.
func hangUp(w http.ResponseWriter, prepare func(*net.TCPConn)) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secured, isTLS := connection.(*tls.Conn); isTLS {
		connection = secured.NetConn()
	}
	if plain, isTCP := connection.(*net.TCPConn); isTCP {
		prepare(plain)
	}
	_ = connection.Close()
}
