package transport_test

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
)

// certified is a certificate with its key.
type certified struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority returns an authority that signed itself, or that another one signed.
func newAuthority(t *testing.T, name string, signer *certified) *certified {
	t.Helper()
	return issue(t, signer, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
}

// newLeaf returns a certificate of a server or a client for hosts, names or IP addresses.
func newLeaf(t *testing.T, signer *certified, hosts ...string) *certified {
	t.Helper()
	return issue(t, signer, leafFor(hosts...))
}

func leafFor(hosts ...string) *x509.Certificate {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return template
}

func issue(t *testing.T, signer *certified, template *x509.Certificate) *certified {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = template.NotAfter.Add(-2 * time.Hour)
	parent := &certified{template, key}
	if signer != nil {
		parent = signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, &key.PublicKey, parent.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &certified{certificate, key}
}

// chain returns what a server shows: its certificate and those that follow.
func (c *certified) chain(others ...*certified) tls.Certificate {
	shown := tls.Certificate{Certificate: [][]byte{c.certificate.Raw}, PrivateKey: c.key}
	for _, other := range others {
		shown.Certificate = append(shown.Certificate, other.certificate.Raw)
	}
	return shown
}

func (c *certified) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.certificate.Raw}))
}

func (c *certified) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (c *certified) fingerprint() string {
	sum := sha256.Sum256(c.certificate.Raw)
	return hex.EncodeToString(sum[:])
}
