package transport_test

import (
	"errors"
	"io"
	"io/fs"
	"log"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// quiet keeps what a server says of failed handshakes out of the tests' output.
var quiet = log.New(io.Discard, "", 0)

func TestTLS_namesTheOptionThatCannotBeUsed(t *testing.T) {
	root := newAuthority(t, "root", nil)
	self, other := newLeaf(t, root, "client"), newLeaf(t, root, "client")
	key := secret.New(self.keyPEM(t))
	missing := filepath.Join(t.TempDir(), "missing.pem")
	directory := t.TempDir()
	tests := map[string]struct {
		options transport.TLS
		option  string
		words   string
	}{
		"ca_file is missing":           {transport.TLS{CAFile: missing}, "ca_file", missing},
		"ca_file is a directory":       {transport.TLS{CAFile: directory}, "ca_file", directory},
		"ca_file is empty":             {transport.TLS{CAFile: writeFile(t, "")}, "ca_file", "PEM"},
		"ca_file is no PEM":            {transport.TLS{CAFile: writeFile(t, "-----BEGIN")}, "ca_file", "PEM"},
		"ca_data is no PEM":            {transport.TLS{CAData: "no PEM"}, "ca_data", "PEM"},
		"ca_data is a key":             {transport.TLS{CAData: self.keyPEM(t)}, "ca_data", "PEM"},
		"ca_fingerprint is too short":  {transport.TLS{CAFingerprint: root.fingerprint()[2:]}, "ca_fingerprint", "64"},
		"ca_fingerprint is too long":   {transport.TLS{CAFingerprint: root.fingerprint() + "00"}, "ca_fingerprint", "64"},
		"ca_fingerprint is no hex":     {transport.TLS{CAFingerprint: strings.Repeat("g", 64)}, "ca_fingerprint", "64"},
		"ca_fingerprint is colons":     {transport.TLS{CAFingerprint: ":"}, "ca_fingerprint", "64"},
		"cert_file is missing":         {transport.TLS{CertFile: missing, KeyData: key}, "cert_file", missing},
		"key_file is missing":          {transport.TLS{CertData: self.pem(), KeyFile: missing}, "key_file", missing},
		"certificate without key":      {transport.TLS{CertData: self.pem()}, "key_file", "key_data"},
		"certificate file without key": {transport.TLS{CertFile: writeFile(t, self.pem())}, "key_file", "key_data"},
		"key without certificate":      {transport.TLS{KeyData: key}, "cert_file", "cert_data"},
		"key file without certificate": {transport.TLS{KeyFile: writeFile(t, key.Reveal())}, "cert_file", "cert_data"},
		"certificate is no PEM":        {transport.TLS{CertData: "no PEM", KeyData: key}, "cert_data", "PEM"},
		"key is no PEM":                {transport.TLS{CertData: self.pem(), KeyData: secret.New("no PEM")}, "key_data", "PEM"},
		"key file is no PEM":           {transport.TLS{CertData: self.pem(), KeyFile: writeFile(t, "no PEM")}, "key_file", "PEM"},
		"key of another certificate":   {transport.TLS{CertFile: writeFile(t, other.pem()), KeyData: key}, "cert_file", "does not match"},
		"certificate given as key":     {transport.TLS{CertData: self.pem(), KeyData: secret.New(self.pem())}, "cert_data", "certificate rather than a key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := transport.New(transport.Config{TLS: test.options})
			var unusable *transport.OptionError
			if !errors.As(err, &unusable) {
				t.Fatalf("got %v, want an *OptionError", err)
			}
			if unusable.Option != test.option || !strings.HasPrefix(err.Error(), test.option+": ") || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%s is named in %q, want %s and %q", unusable.Option, err, test.option, test.words)
			}
			if strings.Contains(name, "missing") && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v is not fs.ErrNotExist", err)
			}
		})
	}
}

func FuzzTLS(f *testing.F) {
	const begin, end = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----\n"
	for _, seed := range []struct{ ca, fingerprint, cert, key string }{
		{"", "", "", ""},
		{begin + "AAAA" + end, strings.Repeat("ab", 32), begin + "AAAA" + end, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		{begin + end, strings.Repeat("AB:", 31) + "AB", begin + end, begin + end},
		{begin, ":", "no PEM", "-----BEGIN \x1b[2J-----\n-----END \x1b[2J-----\n"},
		{"", "", begin + "AAAA" + end, "-----BEGIN EC PRIVATE KEY-----\nsecret: planted\n\nAAAA\n-----END EC PRIVATE KEY-----\n"},
	} {
		f.Add(seed.ca, seed.fingerprint, seed.cert, seed.key)
	}
	f.Fuzz(func(t *testing.T, ca, fingerprint, cert, key string) {
		options := transport.TLS{CAData: ca, CAFingerprint: fingerprint, CertData: cert, KeyData: secret.New(key)}
		config, err := options.Config()
		if err == nil {
			if (config.RootCAs == nil) != (ca == "") || (config.VerifyConnection == nil) != (fingerprint == "") || (len(config.Certificates) == 0) != (cert == "") {
				t.Fatal("an option has no effect")
			}
			return
		}
		var unusable *transport.OptionError
		if !errors.As(err, &unusable) || config != nil {
			t.Fatalf("got %v, want an *OptionError and no configuration", err)
		}
		if strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Fatalf("the error has control characters: %q", err)
		}
		for line := range strings.Lines(key) {
			if line = strings.TrimSpace(line); len(line) > 20 && !strings.Contains(line, "--") && strings.Contains(err.Error(), line) {
				t.Fatal("the error shows the key")
			}
		}
	})
}
