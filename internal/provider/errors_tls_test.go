package provider_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// fingerprintOf returns the SHA-256 of a world's own certificate, with colons, as openssl prints it.
func fingerprintOf(t *testing.T, w *acctest.World) string {
	t.Helper()
	address := strings.TrimPrefix(w.KibanaURL(), "https://")
	connection, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("connecting: %s", err)
	}
	defer func() { _ = connection.Close() }()
	sum := sha256.Sum256(connection.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)
	var pairs []string
	for _, b := range sum {
		pairs = append(pairs, strings.ToUpper(hex.EncodeToString([]byte{b})))
	}
	return strings.Join(pairs, ":")
}

func TestAccProvider_trustsThePrivateAuthorityThatItIsTold(t *testing.T) {
	t.Parallel()
	for what, trust := range map[string]func(t *testing.T, a authority, w *acctest.World) map[string]any{
		"ca_data": func(_ *testing.T, a authority, _ *acctest.World) map[string]any {
			return attributes("ca_data", a.pem())
		},
		"ca_fingerprint": func(_ *testing.T, a authority, _ *acctest.World) map[string]any {
			return attributes("ca_fingerprint", a.fingerprint())
		},
		"ca_fingerprint of the server's certificate": func(t *testing.T, _ authority, w *acctest.World) map[string]any {
			return attributes("ca_fingerprint", fingerprintOf(t, w))
		},
		"insecure": func(*testing.T, authority, *acctest.World) map[string]any { return attributes("insecure", true) },
		"ca_file": func(t *testing.T, a authority, _ *acctest.World) map[string]any {
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(file, []byte(a.pem()), 0o600); err != nil {
				t.Fatal(err)
			}
			return attributes("ca_file", file)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			w := a.world(t)
			settings := trust(t, a, w)
			kibana := w.BasicAuth()
			maps.Copy(kibana, settings)
			wholeLife(t, w, w.Core(t, w.ProviderConfig(kibana, settings)))
		})
	}
}

func TestAccProvider_showsItsClientCertificate(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(certificate))
	a := newAuthority(t)
	w := a.world(t, func(settings *tls.Config) {
		// The client's certificate is its own authority.
		settings.ClientAuth, settings.ClientCAs = tls.RequireAnyClientCert, pool
	})
	tlsSettings := attributes("ca_data", a.pem(), "cert_data", certificate, "key_data", key)
	kibana := with(w.BasicAuth(), "ca_data", a.pem(), "cert_data", certificate, "key_data", key)
	wholeLife(t, w, w.Core(t, w.ProviderConfig(kibana, tlsSettings)))

	core := w.Core(t, w.ProviderConfig(with(w.BasicAuth(), "ca_data", a.pem()), tlsSettings))
	diagnostics := core.Run(config("checkout"))
	if len(diagnostics.Errors()) != 1 {
		t.Fatalf("not refused:\n%s", diagnostics)
	}
	mention(t, diagnostics, w.KibanaURL(), "certificate required")
	onlyAlive(t, w)
}

func TestAccError_saysHowToTrustAPrivateAuthority(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	w := a.world(t)
	const remedy = "set ca_file, ca_data or ca_fingerprint in the kibana block"
	for what, test := range map[string]struct {
		settings map[string]any
		texts    []string
	}{
		"nothing told":          {nil, []string{"certificate signed by unknown authority", remedy}},
		"another authority":     {attributes("ca_data", other.pem()), []string{"certificate signed by unknown authority", remedy}},
		"another's fingerprint": {attributes("ca_fingerprint", other.fingerprint()), []string{"no certificate of the server has the configured ca_fingerprint", "Compare ca_fingerprint of the kibana block"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			kibana := w.BasicAuth()
			maps.Copy(kibana, test.settings)
			core := w.Core(t, w.ProviderConfig(kibana, attributes("ca_data", a.pem())))
			refused(t, core.Run(config("checkout")), unableToCreate, append(test.texts, w.KibanaURL(), "TLS failed")...)
		})
	}
	t.Cleanup(func() {
		if keys := w.Stack.Kibana.Requests(); len(keys) > 0 {
			t.Errorf("%d requests reached a server that is not trusted", len(keys))
		}
	})
}

func TestAccError_saysThatTheServerSpeaksPlainHTTP(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	provider := w.ProviderConfig(nil, nil)
	provider["kibana"] = with(w.BasicAuth(), "endpoint", strings.Replace(w.KibanaURL(), "http:", "https:", 1))
	refused(t, w.Core(t, provider).Run(config("checkout")), unableToCreate, "TLS failed", "speaks plain HTTP", "http or https of endpoint in the kibana block")
}

func TestAccError_saysThatTheServerSpeaksTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	w := a.world(t)
	provider := w.ProviderConfig(nil, attributes("ca_data", a.pem()))
	provider["kibana"] = with(w.BasicAuth(), "endpoint", strings.Replace(w.KibanaURL(), "https:", "http:", 1))
	diagnostics := w.Core(t, provider).Run(config("checkout"))
	refused(t, diagnostics, unableToCreate, "Check endpoint in the kibana block")
}
