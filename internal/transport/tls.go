package transport

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/secret"
)

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

// Config reads the files and returns the TLS configuration. The error is always an *OptionError.
func (t TLS) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure} //nolint:gosec // The user's explicit choice, warned about by the provider.
	if err := t.trust(config); err != nil {
		return nil, err
	}
	if err := t.identify(config); err != nil {
		return nil, err
	}
	return config, nil
}

// trust sets whom the client believes.
func (t TLS) trust(config *tls.Config) error {
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
		pin(config, want)
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
	_, key, err := fileOrData("key_file", t.KeyFile, "key_data", []byte(t.KeyData.Reveal()))
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return &OptionError{certOption, fmt.Errorf("the client certificate and its key cannot be used: %w", err)}
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
func pin(config *tls.Config, want []byte) {
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
			roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
			roots.AddCert(certificate)
			for _, other := range state.PeerCertificates[1:] {
				intermediates.AddCert(other)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
				DNSName: state.ServerName, Roots: roots, Intermediates: intermediates,
			})
			return err
		}
		return errFingerprint
	}
}

var errFingerprint = errors.New("no certificate of the server has the configured ca_fingerprint")
