package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
	"github.com/elastic/terraform-provider-apm/internal/transport/transporttest"
)

// newTLSServer returns a server and its URL by address and by name.
func newTLSServer(t *testing.T, config *tls.Config) (s *server, byAddress, byName string) {
	t.Helper()
	s = &server{}
	backend := httptest.NewUnstartedServer(s.handler(always(200, "")))
	backend.TLS = config
	backend.Config.ErrorLog = quiet
	backend.StartTLS()
	t.Cleanup(backend.Close)
	return s, backend.URL, strings.Replace(backend.URL, "127.0.0.1", "localhost", 1)
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func colons(fingerprint string) string {
	var pairs []string
	for i := 0; i < len(fingerprint); i += 2 {
		pairs = append(pairs, strings.ToUpper(fingerprint[i:i+2]))
	}
	return strings.Join(pairs, ":")
}

func TestTLS_trustsWhomItIsTold(t *testing.T) {
	root, stranger := newAuthority(t, "root", nil), newAuthority(t, "stranger", nil)
	between := newAuthority(t, "between", root)
	here, elsewhere := newLeaf(t, between, "127.0.0.1", "localhost"), newLeaf(t, between, "elsewhere.invalid", "192.0.2.1")
	foreign := newLeaf(t, stranger, "127.0.0.1", "localhost")
	expired := leafFor("127.0.0.1", "localhost")
	expired.NotAfter = time.Now().Add(-time.Minute)
	old := issue(t, between, expired)
	client := leafFor("127.0.0.1", "localhost")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	noServer := issue(t, between, client)

	tests := map[string]struct {
		shown   tls.Certificate
		trust   transport.TLS
		refused string // part of the reason; "" where the server is trusted
	}{
		"the system's authorities":          {here.chain(between, root), transport.TLS{}, "certificate"},
		"ca_file":                           {here.chain(between), transport.TLS{CAFile: writeFile(t, root.pem())}, ""},
		"ca_data":                           {here.chain(between), transport.TLS{CAData: root.pem()}, ""},
		"ca_data of several":                {here.chain(between), transport.TLS{CAData: stranger.pem() + root.pem()}, ""},
		"ca_data of another":                {here.chain(between), transport.TLS{CAData: stranger.pem()}, "certificate"},
		"ca_data, another host":             {elsewhere.chain(between), transport.TLS{CAData: root.pem()}, "certificate"},
		"ca_data, expired":                  {old.chain(between), transport.TLS{CAData: root.pem()}, "expired"},
		"fingerprint of the authority":      {here.chain(between, root), transport.TLS{CAFingerprint: root.fingerprint()}, ""},
		"fingerprint with colons":           {here.chain(between, root), transport.TLS{CAFingerprint: colons(root.fingerprint())}, ""},
		"fingerprint of the one between":    {here.chain(between), transport.TLS{CAFingerprint: between.fingerprint()}, ""},
		"fingerprint of the leaf":           {here.chain(), transport.TLS{CAFingerprint: here.fingerprint()}, ""},
		"fingerprint of a leaf for another": {elsewhere.chain(), transport.TLS{CAFingerprint: elsewhere.fingerprint()}, ""},
		"fingerprint of nobody":             {here.chain(between, root), transport.TLS{CAFingerprint: stranger.fingerprint()}, "ca_fingerprint"},
		"fingerprint of one not shown":      {here.chain(between), transport.TLS{CAFingerprint: root.fingerprint()}, "ca_fingerprint"},
		"fingerprint, another host":         {elsewhere.chain(between, root), transport.TLS{CAFingerprint: root.fingerprint()}, "certificate"},
		"fingerprint, expired":              {old.chain(between, root), transport.TLS{CAFingerprint: root.fingerprint()}, "expired"},
		"fingerprint, no server":            {noServer.chain(between, root), transport.TLS{CAFingerprint: root.fingerprint()}, "usage"},
		// The certificate of an authority is public: whoever shows it need not have been signed by it.
		"fingerprint beside a foreign leaf": {foreign.chain(between, root), transport.TLS{CAFingerprint: root.fingerprint()}, "unknown authority"},
		"fingerprint wins over insecure":    {here.chain(between, root), transport.TLS{CAFingerprint: stranger.fingerprint(), Insecure: true}, "ca_fingerprint"},
		"insecure":                          {foreign.chain(), transport.TLS{Insecure: true}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, byAddress, byName := newTLSServer(t, &tls.Config{Certificates: []tls.Certificate{test.shown}, MinVersion: tls.VersionTLS12})
			for _, endpoint := range []string{byAddress, byName} {
				clock := newClock()
				_, err := post(t.Context(), t, newClient(t, transport.Config{TLS: test.trust, Clock: clock}, endpoint), transport.Repeatable)
				if test.refused == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				failure := transporttest.FailureOf(t, err, apierror.ErrTLS)
				if !failure.Undelivered || failure.Undecided || len(clock.pauses) > 0 || !strings.Contains(failure.Reason, test.refused) {
					t.Errorf("undelivered %t, undecided %t, pauses %v: %v", failure.Undelivered, failure.Undecided, clock.pauses, failure)
				}
			}
			if test.refused == "" {
				mustCount(t, s, 2)
			} else {
				mustCount(t, s, 0)
			}
		})
	}
}

func TestTLS_showsTheClientsCertificate(t *testing.T) {
	root := newAuthority(t, "root", nil)
	self := newLeaf(t, root, "client")
	clients := x509.NewCertPool()
	clients.AddCert(root.certificate)
	for version, number := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(version, func(t *testing.T) {
			s, endpoint, _ := newTLSServer(t, &tls.Config{
				Certificates: []tls.Certificate{newLeaf(t, root, "127.0.0.1").chain()}, MinVersion: number, MaxVersion: number,
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
			})
			for name, trust := range map[string]transport.TLS{
				"files": {CertFile: writeFile(t, self.pem()), KeyFile: writeFile(t, self.keyPEM(t))},
				"data":  {CertData: self.pem(), KeyData: secret.New(self.keyPEM(t))},
				"mixed": {CertFile: writeFile(t, self.pem()), KeyData: secret.New(self.keyPEM(t))},
			} {
				trust.CAData = root.pem()
				if _, err := post(t.Context(), t, newClient(t, transport.Config{TLS: trust}, endpoint), transport.Repeatable); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			mustCount(t, s, 3)
		})
	}
}

// With TLS 1.3 the refusal comes after the client has begun to send, but nothing of that is read.
func TestTLS_knowsThatNothingArrivedWhereItsCertificateIsRefused(t *testing.T) {
	root, stranger := newAuthority(t, "root", nil), newAuthority(t, "stranger", nil)
	clients := x509.NewCertPool()
	clients.AddCert(root.certificate)
	foreign := newLeaf(t, stranger, "client")
	for version, number := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		for name, trust := range map[string]transport.TLS{"none": {}, "foreign": {CertData: foreign.pem(), KeyData: secret.New(foreign.keyPEM(t))}} {
			t.Run(version+" "+name, func(t *testing.T) {
				endpoint := handshake(t, &tls.Config{
					Certificates: []tls.Certificate{newLeaf(t, root, "127.0.0.1").chain()}, MinVersion: number, MaxVersion: number,
					ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
				})
				trust.CAData = root.pem()
				_, err := post(t.Context(), t, newClient(t, transport.Config{TLS: trust}, endpoint), transport.OnlyUndelivered)
				if failure := transporttest.FailureOf(t, err, apierror.ErrTLS); !failure.Undelivered || failure.Undecided {
					t.Errorf("undelivered %t, undecided %t: %v", failure.Undelivered, failure.Undecided, failure)
				}
			})
		}
	}
}

// handshake returns the URL of a server that ends every connection after the handshake. It reads on until the client has
// left: closing earlier could overtake the alert.
func handshake(t *testing.T, config *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				if err := tls.Server(connection, config).HandshakeContext(t.Context()); err != nil {
					_, _ = io.Copy(io.Discard, connection)
				}
			}()
		}
	}()
	return "https://" + listener.Addr().String()
}

func TestTLS_recognisesASchemeThatIsNotTheServers(t *testing.T) {
	plain := newServer(t, always(200, ""))
	_, err := post(t.Context(), t, newClient(t, transport.Config{}, strings.Replace(plain.URL, "http:", "https:", 1)), transport.OnlyUndelivered)
	if failure := transporttest.FailureOf(t, err, apierror.ErrTLS); !failure.Undelivered || !strings.Contains(failure.Reason, "plain HTTP") {
		t.Errorf("undelivered %t: %v", failure.Undelivered, failure)
	}
	mustCount(t, plain, 0)

	secured, endpoint, _ := newTLSServer(t, &tls.Config{
		Certificates: []tls.Certificate{newLeaf(t, newAuthority(t, "root", nil), "127.0.0.1").chain()}, MinVersion: tls.VersionTLS12,
	})
	_, err = post(t.Context(), t, newClient(t, transport.Config{}, strings.Replace(endpoint, "https:", "http:", 1)), transport.OnlyUndelivered)
	if failure := transporttest.FailureOf(t, err, apierror.ErrBadRequest); failure.Undecided || failure.Status != http.StatusBadRequest {
		t.Errorf("undecided %t: %v", failure.Undecided, failure)
	}
	mustCount(t, secured, 0)
}

func TestTLS_refusesOldVersions(t *testing.T) {
	root := newAuthority(t, "root", nil)

	s, endpoint, _ := newTLSServer(t, &tls.Config{
		Certificates: []tls.Certificate{newLeaf(t, root, "127.0.0.1").chain()}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	_, err := post(t.Context(), t, newClient(t, transport.Config{TLS: transport.TLS{CAData: root.pem()}}, endpoint), transport.Repeatable)
	mustFail(t, err, apierror.ErrTLS)
	mustCount(t, s, 0)
}
