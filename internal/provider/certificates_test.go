package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// authority is a private certificate authority, as Elasticsearch makes one at its first start.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority returns an authority of its own.
func newAuthority(t *testing.T) authority {
	t.Helper()
	certificate, key := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, authority{})
	return authority{certificate, key}
}

// world starts a stack over TLS with a certificate that the authority signed for 127.0.0.1. The chain holds the authority.
func (a authority) world(t *testing.T, configure ...func(*tls.Config)) *acctest.World {
	t.Helper()
	certificate, key := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a)
	settings := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw, a.certificate.Raw}, PrivateKey: key}},
	}
	for _, change := range configure {
		change(settings)
	}
	return acctest.New(t, func(o *fakestack.Options) { o.TLS = settings })
}

// pem returns the authority's certificate.
func (a authority) pem() string { return toPEM("CERTIFICATE", a.certificate.Raw) }

// fingerprint returns the SHA-256 of the authority's certificate, in hexadecimal digits.
func (a authority) fingerprint() string {
	sum := sha256.Sum256(a.certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// selfSigned returns a certificate of a client and its key, PEM.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	signed, private := sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Test client"}}, authority{})
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatalf("encoding a key: %s", err)
	}
	return toPEM("CERTIFICATE", signed.Raw), toPEM("PRIVATE KEY", encoded)
}

// sign makes a key and a certificate for it. An empty authority lets it sign itself.
func sign(t *testing.T, template *x509.Certificate, by authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %s", err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by.key == nil {
		by = authority{template, key}
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatalf("signing a certificate: %s", err)
	}
	certificate, err := x509.ParseCertificate(encoded)
	if err != nil {
		t.Fatalf("reading a certificate: %s", err)
	}
	return certificate, key
}

func toPEM(kind string, encoded []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: encoded}))
}
