package provider_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
	"github.com/elastic/terraform-provider-apm/internal/clock"
)

// FuzzEndpoint gives any text as Kibana's endpoint. What is accepted says where to connect and nothing else; what is
// refused is not quoted, since it may hold a password.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{
		"https://kibana.example:5601", "http://localhost/base/", "kibana.example:5601", "https://user:pa55word@kibana.example", "https://",
		"https://a?b", "https://a#b", "https://[::1]:5601", "https://a:b", "HTTPS://A", "https://a\x00b", "https://%zz", "//a", "https://a@b:c@d/",
	} {
		f.Add(seed)
	}
	factory := acctest.Factory(clock.System{}, nil)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // Terraform's strings are.
		}
		core := acctest.NewCore(t, factory, map[string]any{
			"kibana":        map[string]any{"endpoint": text, "username": "u", "password": "p"},
			"elasticsearch": map[string]any{"endpoints": []string{"https://es.example"}},
		})
		diagnostics := core.Configure()
		if len(diagnostics.Errors()) == 0 {
			endpoint, err := url.Parse(strings.TrimSpace(text))
			if err != nil || endpoint.Hostname() == "" || endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" ||
				(endpoint.Scheme != "http" && endpoint.Scheme != "https") {
				t.Errorf("%q is accepted", text)
			}
			return
		}
		said := strings.ReplaceAll(diagnostics.Errors().String(), "https://kibana.example:5601", "an example")
		if len(text) > 12 && strings.Contains(said, text) {
			t.Errorf("%q is quoted", text)
		}
		if strings.ContainsFunc(said, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("a control character of %q reaches the terminal", text)
		}
	})
}
