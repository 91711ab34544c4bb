package cloudid_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/cloudid"
)

func encode(decoded string) string { return base64.StdEncoding.EncodeToString([]byte(decoded)) }

// Contract C.
func TestParse_findsTheAddresses(t *testing.T) {
	tests := map[string]struct {
		id, elasticsearch, kibana string
	}{
		"label":                               {"x:" + encode("eu.example.com$es-1$kb-1"), "https://es-1.eu.example.com:443", "https://kb-1.eu.example.com:443"},
		"no label":                            {encode("example.com$es$kb"), "https://es.example.com:443", "https://kb.example.com:443"},
		"empty label":                         {":" + encode("example.com$es$kb"), "https://es.example.com:443", "https://kb.example.com:443"},
		"padding of one, colons in the label": {"my:odd::label:" + encode("example.com$es$kb"), "https://es.example.com:443", "https://kb.example.com:443"},
		"blanks in the label":                 {"my label: " + ":" + encode("example.com$es$kb"), "https://es.example.com:443", "https://kb.example.com:443"},
		"port of the host":                    {"x:" + encode("example.com:9243$es$kb"), "https://es.example.com:9243", "https://kb.example.com:9243"},
		"ports of the parts":                  {"x:" + encode("example.com$es:9244$kb:9245"), "https://es.example.com:9244", "https://kb.example.com:9245"},
		"ports override":                      {"x:" + encode("example.com:9243$es:9244$kb"), "https://es.example.com:9244", "https://kb.example.com:9243"},
		"no Kibana":                           {"x:" + encode("example.com$es"), "https://es.example.com:443", ""},
		"empty Kibana":                        {"x:" + encode("example.com$es$"), "https://es.example.com:443", ""},
		"port without Kibana":                 {"x:" + encode("example.com$es$:9245"), "https://es.example.com:443", ""},
		"without padding":                     {"x:" + encode("example.com$es$kb1"), "https://es.example.com:443", "https://kb1.example.com:443"},
		"padding of two":                      {"x:" + encode("example.com$es$kb12"), "https://es.example.com:443", "https://kb12.example.com:443"},
		"upper case, _ and -":                 {"x:" + encode("A-b_c.Example.com$E-s_1$K"), "https://E-s_1.A-b_c.Example.com:443", "https://K.A-b_c.Example.com:443"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := cloudid.Parse(test.id)
			if err != nil {
				t.Fatal(err)
			}
			if want := (cloudid.Endpoints{Elasticsearch: test.elasticsearch, Kibana: test.kibana}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestParse_refusesWhatIsNoCloudID(t *testing.T) {
	tests := map[string]struct {
		id, words string
	}{
		"empty":                {"", "base64"},
		"label alone":          {"label:", "base64"},
		"no base64":            {"label:!!!", "base64"},
		"padding missing":      {"x:" + strings.TrimRight(encode("example.com$es$kb"), "="), "base64"},
		"URL alphabet":         {"x:" + base64.URLEncoding.EncodeToString([]byte("example.com$??>>$kb")), "base64"},
		"trailing blank":       {"x:" + encode("example.com$es$kb") + " ", "base64"},
		"a URL":                {"https://example.com", "base64"},
		"host alone":           {"x:" + encode("example.com"), "host$elasticsearch"},
		"four parts":           {"x:" + encode("example.com$es$kb$more"), "host$elasticsearch"},
		"no host":              {"x:" + encode("$es$kb"), "host$elasticsearch"},
		"port without host":    {"x:" + encode(":443$es$kb"), "host$elasticsearch"},
		"no Elasticsearch":     {"x:" + encode("example.com$$kb"), "no Elasticsearch"},
		"port that is none":    {"x:" + encode("example.com:https$es$kb"), "port"},
		"empty port":           {"x:" + encode("example.com:$es$kb"), "port"},
		"two ports":            {"x:" + encode("example.com:1:2$es$kb"), "port"},
		"long port":            {"x:" + encode("example.com:123456$es$kb"), "port"},
		"port above all":       {"x:" + encode("example.com:65536$es$kb"), "port"},
		"port zero":            {"x:" + encode("example.com:0$es$kb"), "port"},
		"negative port":        {"x:" + encode("example.com:-1$es$kb"), "port"},
		"port of a part":       {"x:" + encode("example.com$es:x$kb"), "port"},
		"port of Kibana":       {"x:" + encode("example.com$es$kb:x"), "port"},
		"port that ends early": {"x:" + encode("example.com$es:443@evil.example$kb"), "port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, test.id, test.words)
		})
	}
}

// Each of these ends the host of a URL early, or is in no host name (contract C, trap 19).
func TestParse_refusesCharactersThatSendCredentialsElsewhere(t *testing.T) {
	for _, character := range []string{"@", "/", "?", "#", "\\", "%", " ", "\t", "\n", "\r", "\x00", "[", "]", "<", ";", "&", "=", "é", "\u202e", "\xff"} {
		for name, decoded := range map[string]string{
			"host":          "evil" + character + "example.com$es$kb",
			"Elasticsearch": "example.com$evil" + character + "es$kb",
			"Kibana":        "example.com$es$evil" + character + "kb",
		} {
			t.Run(name+" "+character, func(t *testing.T) {
				mustRefuse(t, "x:"+encode(decoded), "credentials")
			})
		}
	}
}

func mustRefuse(t *testing.T, id, words string) {
	t.Helper()
	got, err := cloudid.Parse(id)
	if err == nil {
		t.Fatalf("accepted as %+v", got)
	}
	if got != (cloudid.Endpoints{}) {
		t.Errorf("an error with the addresses %+v", got)
	}
	if !strings.Contains(err.Error(), words) {
		t.Errorf("the error %q does not speak of %q", err, words)
	}
}

func FuzzParse(f *testing.F) {
	for _, decoded := range []string{
		"", "example.com", "example.com$es", "example.com$es$", "example.com$es$kb", "example.com:9243$es:9244$kb:9245", "$es$kb",
		"example.com$@evil.example$kb", "example.com/$es$kb", "example.com#$es$kb", "example.com?$es$kb", "ex\nample.com$es$kb", "..$..$..",
		"example.com:65536$es$kb",
	} {
		f.Add("label:" + encode(decoded))
	}
	for _, id := range []string{"", ":", "a:b:c", "not base64"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		endpoints, err := cloudid.Parse(id)
		if err != nil {
			if endpoints != (cloudid.Endpoints{}) {
				t.Fatal("an error with addresses")
			}
			return
		}
		decoded, _ := base64.StdEncoding.DecodeString(id[strings.LastIndex(id, ":")+1:])
		host, _, _ := strings.Cut(string(decoded), "$")
		host, _, _ = strings.Cut(host, ":")
		if endpoints.Elasticsearch == "" {
			t.Fatal("no Elasticsearch and no error")
		}
		for _, endpoint := range []string{endpoints.Elasticsearch, endpoints.Kibana} {
			if endpoint != "" {
				mustBeBelow(t, endpoint, host)
			}
		}
	})
}

// mustBeBelow checks that a client that is given the URL speaks to a server of the host's domain and to no other.
func mustBeBelow(t *testing.T, endpoint, host string) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatalf("%q is no URL: %v", endpoint, err)
	}
	if u.Scheme != "https" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Port() == "" {
		t.Fatalf("%q is more than a host and a port", endpoint)
	}
	if name, ok := strings.CutSuffix(u.Hostname(), "."+host); !ok || name == "" {
		t.Fatalf("%q is not below %q", endpoint, host)
	}
}
