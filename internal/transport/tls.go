package transport

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// ErrFingerprint refuses a server.
var ErrFingerprint = errors.New("no certificate of the server has the configured ca_fingerprint")

var errNoHost = errors.New("the name of the server is not known, so its certificate cannot be verified")

// TLS says how a server is trusted and how the client shows itself. The zero value trusts the system's authorities.
type TLS struct {
	CAFile        string // path of PEM certificates
	CAData        string // PEM certificates
	CAFingerprint string // SHA-256 of a certificate in the server's chain, hex, with or without colons
	CertFile      string // path of the client's certificate, PEM
	CertData      string // the client's certificate, PEM
	KeyFile       string // path of the client's key, PEM
	KeyData       secret.Text
	Insecure      bool // accept any certificate
}

// An OptionError names the option that cannot be used, by the name of its attribute.
type OptionError struct {
	Option string
	Err    error
}

// Error implements error.
func (e *OptionError) Error() string { return e.Option + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.Err }

// Config reads the files and returns the TLS configuration for servers at urls. The error is always an *OptionError.
func (t TLS) Config(urls ...*url.URL) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure} //nolint:gosec // The user's explicit choice, warned about by the provider.
	if err := t.trust(config, urls); err != nil {
		return nil, err
	}
	if err := t.identify(config); err != nil {
		return nil, err
	}
	return config, nil
}

// trust sets whom the client believes.
func (t TLS) trust(config *tls.Config, urls []*url.URL) error {
	if t.CAFile != "" || t.CAData != "" {
		option, data, err := fileOrData("ca_file", t.CAFile, "ca_data", []byte(t.CAData))
		if err != nil {
			return err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return &OptionError{option, errors.New("no PEM certificate found; it must start with -----BEGIN CERTIFICATE-----")}
		}
	}
	if t.CAFingerprint != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(t.CAFingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return &OptionError{"ca_fingerprint", errors.New("not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons, are expected")}
		}
		pin(config, want, addresses(urls))
	}
	return nil
}

// identify sets how the client shows itself.
func (t TLS) identify(config *tls.Config) error {
	hasCert, hasKey := t.CertFile != "" || t.CertData != "", t.KeyFile != "" || !t.KeyData.IsZero()
	if !hasCert && !hasKey {
		return nil
	}
	if !hasKey {
		return &OptionError{"key_file", errors.New("a client certificate needs its key: set key_file or key_data")}
	}
	if !hasCert {
		return &OptionError{"cert_file", errors.New("a client key needs its certificate: set cert_file or cert_data")}
	}
	certOption, cert, err := fileOrData("cert_file", t.CertFile, "cert_data", []byte(t.CertData))
	if err != nil {
		return err
	}
	keyOption, key, err := fileOrData("key_file", t.KeyFile, "key_data", []byte(t.KeyData.Reveal()))
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(key); block == nil {
		return &OptionError{keyOption, errors.New("no PEM key found; it must start with -----BEGIN PRIVATE KEY----- or the like")}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		// The library quotes what it found between the dashes, which is anything if the wrong file was named.
		return &OptionError{certOption, errors.New("the client certificate and its key cannot be used: " + Clean(err.Error()))}
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}

// fileOrData returns the option that was set, and its bytes.
func fileOrData(fileOption, path, dataOption string, data []byte) (string, []byte, error) {
	if path == "" {
		return dataOption, data, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fileOption, nil, &OptionError{fileOption, fmt.Errorf("the file cannot be read: %w", err)}
	}
	return fileOption, content, nil
}

// pin trusts a chain that holds the certificate with the given SHA-256. An authority so named must have signed the
// server's certificate, and the certificate must be for the host; a server's own certificate so named is trusted as it is.
// hosts are the IP addresses that the client connects to: where a host is one, the connection does not know its name.
func pin(config *tls.Config, want []byte, hosts []string) {
	config.InsecureSkipVerify = true // Go's own check is replaced by the one below, which is stricter.
	config.VerifyConnection = func(state tls.ConnectionState) error {
		for i, certificate := range state.PeerCertificates {
			sum := sha256.Sum256(certificate.Raw)
			if subtle.ConstantTimeCompare(sum[:], want) != 1 {
				continue
			}
			if i == 0 {
				return nil
			}
			return verify(state, certificate, hosts)
		}
		return ErrFingerprint
	}
}

// verify checks the server's certificate as Go does, with authority as the only root.
func verify(state tls.ConnectionState, authority *x509.Certificate, hosts []string) error {
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AddCert(authority)
	for _, other := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(other)
	}
	if state.ServerName != "" {
		hosts = []string{state.ServerName}
	}
	err := errNoHost
	for _, options.DNSName = range hosts {
		if _, err = state.PeerCertificates[0].Verify(options); err == nil {
			return nil
		}
	}
	return err
}

// addresses returns those hosts that are IP addresses.
func addresses(urls []*url.URL) []string {
	var hosts []string
	for _, u := range urls {
		if net.ParseIP(u.Hostname()) != nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}
