package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// maxReason bounds what is shown of a server's words, in bytes.
const maxReason = 2048

// What crypto/tls calls an alert from the other side and one of its own, as the Op of a net.OpError.
const (
	remoteAlert = "remote error"
	localAlert  = "local error"
)

var errTooLarge = errors.New("the answer is larger than " + strconv.Itoa(maxBody>>20) + " MiB")

// judge turns what came back into an error, or into nil if it is a whole 2xx answer.
func (c *Client) judge(req *http.Request, answer *Answer, err error, connected bool) *apierror.Error {
	switch {
	case answer == nil:
		return c.failed(req, noAnswer(req.Context(), err, connected))
	case answer.Status < 200 || answer.Status > 299:
		failure := &apierror.Error{Status: answer.Status, Kind: kindOf(answer.Status), Undecided: undecided(answer.Status)}
		if failure.Kind == apierror.ErrRedirect {
			// Following it would send the credentials wherever the answer says.
			failure.Reason = "redirected to " + location(answer.Header) + "; redirects are not followed"
		} else {
			c.config.Explain(failure, answer)
		}
		return c.failed(req, failure)
	case err != nil:
		return c.failed(req, noAnswer(req.Context(), err, true))
	}
	return nil
}

// failed completes an error with the request, and makes the server's words safe to show.
func (c *Client) failed(req *http.Request, failure *apierror.Error) *apierror.Error {
	failure.Product, failure.Method, failure.URL = c.config.Product, req.Method, address(req.URL)
	failure.Reason, failure.Type = c.Safe(failure.Reason), c.Safe(failure.Type)
	return failure
}

// noAnswer classifies an error of the network.
func noAnswer(ctx context.Context, err error, connected bool) *apierror.Error {
	// With TLS 1.3 a client learns only after its first request that the server has refused its certificate, unread.
	connected = connected && !isCertificateRefused(err)
	failure := &apierror.Error{Kind: apierror.ErrDisconnected, Reason: err.Error(), Cause: err, Undelivered: !connected, Undecided: connected}
	var dns *net.DNSError
	var timeout net.Error
	var record tls.RecordHeaderError
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		failure.Kind = apierror.ErrInterrupted
	case errors.Is(err, errTooLarge):
		failure.Kind = apierror.ErrWrongAnswer
	case errors.As(err, &dns):
		failure.Kind = apierror.ErrUnreachable
	case !connected && errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/":
		failure.Kind, failure.Reason = apierror.ErrTLS, "the server speaks plain HTTP here; if it is meant to, the URL begins with http://"
	case !connected && isTLS(err):
		failure.Kind = apierror.ErrTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		failure.Kind = apierror.ErrTimeout
	case !connected:
		failure.Kind = apierror.ErrUnreachable
	}
	return failure
}

func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		network      *net.OpError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.Is(err, ErrFingerprint) || errors.Is(err, errNoHost) || errors.As(err, &verification) || errors.As(err, &record) ||
		errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		(errors.As(err, &network) && (network.Op == remoteAlert || network.Op == localAlert))
}

func isCertificateRefused(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == remoteAlert && strings.Contains(network.Err.Error(), "certificate")
}

// kindOf is what a status says when nothing better is known.
func kindOf(status int) error {
	switch {
	case status < 200:
		return apierror.ErrWrongAnswer
	case status < 400:
		return apierror.ErrRedirect
	case status == http.StatusUnauthorized:
		return apierror.ErrUnauthorized
	case status == http.StatusForbidden:
		return apierror.ErrForbidden
	case status == http.StatusNotFound:
		return apierror.ErrNotFound
	case status == http.StatusRequestTimeout:
		return apierror.ErrTimeout
	case status == http.StatusTooManyRequests:
		return apierror.ErrRateLimited
	case status < 500:
		return apierror.ErrBadRequest
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return apierror.ErrUnavailable
	}
	return apierror.ErrServer
}

// undecided reports whether a status leaves open what the server did. 408 and 499 may come from a proxy, or from the
// server after it had begun.
func undecided(status int) bool {
	const clientClosedRequest = 499
	return status >= 500 || status == http.StatusRequestTimeout || status == clientClosedRequest
}

func location(header http.Header) string {
	target, err := (&http.Response{Header: header}).Location()
	if err != nil {
		return "an unknown place"
	}
	return address(target)
}

// Safe makes a server's words safe to show: without the client's credentials, and as Clean does.
func (c *Client) Safe(text string) string { return Clean(secret.Scrub(text, c.secrets...)) }

// Clean makes a server's words safe to show: one line without control characters, so that they cannot forge terminal
// output, of at most 2 KiB.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return '\uFFFD'
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxReason {
		cut := maxReason
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}
