package provider_test

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/clock"
)

// configure validates and configures a provider without any server.
func configure(t *testing.T, provider map[string]any, variables map[string]string) acctest.Diagnostics {
	t.Helper()
	return acctest.NewCore(t, acctest.Factory(clock.System{}, variables), provider).Configure()
}

// blocks returns a good configuration with more attributes in each block.
func blocks(kibana, elasticsearch map[string]any) map[string]any {
	provider := map[string]any{
		"kibana":        map[string]any{"endpoint": "https://kibana.example:5601", "username": "terraform", "password": "s3cret-word"},
		"elasticsearch": map[string]any{"endpoints": []string{"https://es.example:9200"}},
	}
	maps.Copy(provider["kibana"].(map[string]any), kibana)
	maps.Copy(provider["elasticsearch"].(map[string]any), elasticsearch)
	return provider
}

// attributes returns attributes given as pairs.
func attributes(pairs ...any) map[string]any {
	given := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i].(string)] = pairs[i+1]
	}
	return given
}

// cloud returns a Cloud ID that decodes to text.
func cloud(text string) string {
	return "label:" + base64.StdEncoding.EncodeToString([]byte(text))
}

func TestProvider_takesAGoodConfigurationInSilence(t *testing.T) {
	t.Parallel()
	withoutKibana := map[string]any{"endpoint": "https://kibana.example", "username": nil, "password": nil}
	for what, provider := range map[string]map[string]any{
		"two endpoints":        blocks(nil, nil),
		"a base path":          blocks(attributes("endpoint", "https://proxy.example/kibana/"), nil),
		"several nodes":        blocks(nil, attributes("endpoints", []string{"https://es1.example:9200", "https://es2.example:9200"})),
		"a token":              blocks(attributes("username", nil, "password", nil, "bearer_token", "abc"), nil),
		"a Cloud API key":      blocks(attributes("username", nil, "password", nil, "api_key", "essu_abc"), nil),
		"Elasticsearch's user": blocks(withoutKibana, attributes("username", "u", "password", "p")),
		"Elasticsearch's key":  blocks(nil, attributes("api_key", base64.StdEncoding.EncodeToString([]byte("id:key")))),
		"a fingerprint":        blocks(attributes("ca_fingerprint", strings.Repeat("0a:", 31)+"ff"), nil),
		"a space":              blocks(attributes("space_id", "my-space_1"), nil),
		"a timeout":            with(blocks(nil, nil), "request_timeout", "90s"),
		"plain http to 127.*":  blocks(attributes("endpoint", "http://127.0.0.1:5601"), attributes("endpoints", []string{"http://127.9.9.9:9200"})),
		"plain http to ::1":    blocks(attributes("endpoint", "http://[::1]:5601"), attributes("endpoints", []string{"http://localhost:9200"})),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			silent(t, configure(t, provider, nil))
		})
	}
}

// with returns a copy of the attributes with more of them, given as pairs.
func with(given map[string]any, pairs ...any) map[string]any {
	changed := maps.Clone(given)
	maps.Copy(changed, attributes(pairs...))
	return changed
}

func TestProvider_refusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none.pem")
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key := selfSigned(t)
	_, otherKey := selfSigned(t)
	kibana := func(pairs ...any) map[string]any { return blocks(attributes(pairs...), nil) }
	elasticsearch := func(pairs ...any) map[string]any { return blocks(nil, attributes(pairs...)) }
	for what, test := range map[string]struct {
		provider  map[string]any
		attribute string
		summary   string
		texts     []string
	}{
		"no Kibana": {
			kibana("endpoint", nil), "kibana.endpoint", "Missing Kibana endpoint", []string{"created through Kibana", "kibana block", "cloud_id", "KIBANA_ENDPOINT"},
		},
		"no Elasticsearch": {
			elasticsearch("endpoints", nil), "elasticsearch.endpoints", "Missing Elasticsearch endpoints",
			[]string{"elasticsearch block", "cloud_id", "ELASTICSEARCH_ENDPOINTS"},
		},
		"no scheme":           {kibana("endpoint", "kibana.example:5601"), "kibana.endpoint", "Invalid endpoint", []string{"begins with https://"}},
		"another scheme":      {kibana("endpoint", "ftp://kibana.example"), "kibana.endpoint", "Invalid endpoint", []string{"begins with https://"}},
		"no host":             {kibana("endpoint", "https://:5601"), "kibana.endpoint", "Invalid endpoint", []string{"names no host"}},
		"a user in the URL":   {kibana("endpoint", "https://me:s3cret-word@kibana.example"), "kibana.endpoint", "Invalid endpoint", []string{"set username and password"}},
		"a query":             {kibana("endpoint", "https://kibana.example/?a=b"), "kibana.endpoint", "Invalid endpoint", []string{`remove everything from "?"`}},
		"a bare query":        {kibana("endpoint", "https://kibana.example/?"), "kibana.endpoint", "Invalid endpoint", []string{`remove everything from "?"`}},
		"a fragment":          {kibana("endpoint", "https://kibana.example/#a"), "kibana.endpoint", "Invalid endpoint", []string{`"#" on`}},
		"a node, no scheme":   {elasticsearch("endpoints", []string{"https://es.example", "es2:9200"}), "elasticsearch.endpoints[1]", "Invalid endpoint", []string{"begins with https://"}},
		"a space's name":      {kibana("space_id", "My Space"), "kibana.space_id", "Invalid Attribute Value Match", []string{"id of a space", "lower-case"}},
		"a timeout":           {with(blocks(nil, nil), "request_timeout", "1.5h"), "request_timeout", "Invalid duration", []string{`"30m"`, "whole number"}},
		"a password alone":    {kibana("username", nil), "kibana.username", "Missing user name", []string{"KIBANA_USERNAME"}},
		"a user name alone":   {elasticsearch("username", "u"), "elasticsearch.password", "Missing password", []string{"ELASTICSEARCH_PASSWORD"}},
		"a colon in the name": {kibana("username", "a:b"), "kibana.username", "Invalid user name", []string{"colon"}},
		"nobody":              {kibana("username", nil, "password", nil), "kibana.username", "Missing credentials", []string{"username and password", "bearer_token", "KIBANA_USERNAME", "KIBANA_PASSWORD"}},
		"a header as key":     {elasticsearch("api_key", "ApiKey c2VjcmV0OndvcmQ="), "elasticsearch.api_key", "Invalid API key", []string{"without the word"}},
		"a header as token":   {elasticsearch("bearer_token", "Bearer s3cret-word"), "elasticsearch.bearer_token", "Invalid bearer token", []string{"without the word"}},
		"a key not encoded":   {elasticsearch("api_key", "id:s3cret-word"), "elasticsearch.api_key", "Invalid API key", []string{"id:api_key", "encoded"}},
		"a missing CA file":   {kibana("ca_file", missing), "kibana.ca_file", "Invalid TLS settings", []string{missing, "cannot be read"}},
		"a CA file, no PEM":   {elasticsearch("ca_file", notPEM), "elasticsearch.ca_file", "Invalid TLS settings", []string{"-----BEGIN CERTIFICATE-----"}},
		"CA data, no PEM":     {elasticsearch("ca_data", "x"), "elasticsearch.ca_data", "Invalid TLS settings", []string{"-----BEGIN CERTIFICATE-----"}},
		"a short fingerprint": {kibana("ca_fingerprint", "0a:0b"), "kibana.ca_fingerprint", "Invalid TLS settings", []string{"64 hexadecimal digits"}},
		"no fingerprint":      {elasticsearch("ca_fingerprint", strings.Repeat("x", 64)), "elasticsearch.ca_fingerprint", "Invalid TLS settings", []string{"64 hexadecimal digits"}},
		"a client's certificate without its key": {
			kibana("cert_data", certificate), "kibana.key_file", "Invalid TLS settings", []string{"key_file or key_data"},
		},
		"a client's key without its certificate": {
			elasticsearch("key_data", key), "elasticsearch.cert_file", "Invalid TLS settings", []string{"cert_file or cert_data"},
		},
		"a client's certificate with another's key": {
			kibana("cert_data", certificate, "key_data", otherKey), "kibana.cert_data", "Invalid TLS settings", []string{"cannot be used"},
		},
		"a client's missing certificate file": {
			kibana("cert_file", missing, "key_data", key), "kibana.cert_file", "Invalid TLS settings", []string{missing, "cannot be read"},
		},
		"a client's missing key file": {
			kibana("cert_data", certificate, "key_file", missing), "kibana.key_file", "Invalid TLS settings", []string{missing, "cannot be read"},
		},
		"a Cloud ID that is none": {
			with(blocks(nil, nil), "cloud_id", "label:%%%"), "cloud_id", "Invalid Cloud ID", []string{"not base64", "copy the whole Cloud ID"},
		},
		"a Cloud ID that leads elsewhere": {
			with(blocks(nil, nil), "cloud_id", cloud("evil.example/$es$kb")), "cloud_id", "Invalid Cloud ID", []string{"credentials could be sent elsewhere"},
		},
		"a Cloud ID without Kibana": {
			with(kibana("endpoint", nil), "cloud_id", cloud("cloud.example$es$")), "kibana.endpoint", "Missing Kibana endpoint",
			[]string{"Cloud ID names no Kibana", "KIBANA_ENDPOINT"},
		},
		"a short Cloud ID without Kibana": {
			with(kibana("endpoint", nil), "cloud_id", cloud("cloud.example$es")), "kibana.endpoint", "Missing Kibana endpoint", []string{"Cloud ID names no Kibana"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			diagnostics := configure(t, test.provider, nil)
			told(t, diagnostics, test.attribute, test.summary, test.texts...)
			if len(diagnostics.Errors()) == 0 {
				t.Error("it is no error")
			}
			if strings.Contains(diagnostics.String(), "s3cret-word") {
				t.Error("the diagnostics repeat a secret")
			}
		})
	}
}

func TestProvider_refusesAnEmptyConfigurationWithBothRemedies(t *testing.T) {
	t.Parallel()
	for what, provider := range map[string]map[string]any{
		"nothing":      {},
		"empty blocks": {"kibana": map[string]any{}, "elasticsearch": map[string]any{}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var found []string
			for _, diagnostic := range configure(t, provider, nil).Errors() {
				found = append(found, attributeOf(diagnostic)+": "+diagnostic.Summary)
			}
			want := []string{"kibana.endpoint: Missing Kibana endpoint", "elasticsearch.endpoints: Missing Elasticsearch endpoints"}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProvider_refusesTwoKindsOfCredentialsInTheConfiguration(t *testing.T) {
	t.Parallel()
	basic := attributes("username", "u", "password", "p")
	for what, pair := range map[string]map[string]any{
		"basic and bearer":   with(basic, "bearer_token", "t"),
		"basic and API key":  with(basic, "api_key", "essu_x"),
		"bearer and API key": attributes("username", nil, "password", nil, "bearer_token", "t", "api_key", "essu_x"),
	} {
		for _, block := range []string{"kibana", "elasticsearch"} {
			t.Run(what+" for "+block, func(t *testing.T) {
				t.Parallel()
				given := map[string]map[string]any{block: pair}
				diagnostics := configure(t, blocks(given["kibana"], given["elasticsearch"]), nil)
				if len(diagnostics.Errors()) == 0 {
					t.Fatal("they are accepted")
				}
				for _, diagnostic := range diagnostics {
					if !strings.HasPrefix(attributeOf(diagnostic), block+".") || !strings.Contains(diagnostic.Detail, "cannot be specified when") {
						t.Errorf("unexpected:\n%s", diagnostics)
					}
				}
			})
		}
	}
}

func TestProvider_refusesTwoWaysToTrust(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	for what, pair := range map[string]map[string]any{
		"ca_file and ca_data":        attributes("ca_file", "a.pem", "ca_data", certificate),
		"ca_file and ca_fingerprint": attributes("ca_file", "a.pem", "ca_fingerprint", strings.Repeat("a", 64)),
		"ca_data and ca_fingerprint": attributes("ca_data", certificate, "ca_fingerprint", strings.Repeat("a", 64)),
		"cert_file and cert_data":    attributes("cert_file", "a.pem", "cert_data", certificate),
		"key_file and key_data":      attributes("key_file", "a.pem", "key_data", key),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			mention(t, configure(t, blocks(pair, nil), nil).Errors(), "cannot be specified when")
		})
	}
}

func TestProvider_warnsWhereOthersCanReadTheSecrets(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		provider  map[string]any
		attribute string
		summary   string
		texts     []string
	}{
		"plain http to Kibana": {
			blocks(attributes("endpoint", "http://kibana.example:5601"), nil), "kibana.endpoint", "Credentials are sent in plain text",
			[]string{"http://kibana.example:5601", "Use https"},
		},
		"plain http to a node": {
			blocks(nil, attributes("endpoints", []string{"https://a.example", "http://10.0.0.1:9200"})), "elasticsearch.endpoints",
			"Credentials are sent in plain text", []string{"http://10.0.0.1:9200", "Use https"},
		},
		"plain http to a host that only sounds local": {
			blocks(attributes("endpoint", "http://localhost.example"), nil), "kibana.endpoint", "Credentials are sent in plain text", nil,
		},
		"Kibana's certificate is not verified": {
			blocks(attributes("insecure", true), nil), "kibana.insecure", "Certificates are not verified", []string{"ca_file", "instead of insecure"},
		},
		"Elasticsearch's certificate is not verified": {
			blocks(nil, attributes("insecure", true)), "elasticsearch.insecure", "Certificates are not verified", []string{"ca_fingerprint"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			diagnostics := configure(t, test.provider, nil)
			succeed(t, diagnostics)
			told(t, diagnostics, test.attribute, test.summary, test.texts...)
		})
	}
}
