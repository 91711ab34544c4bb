package credential_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

const (
	id      = "VuaCfGcBCdbkQm-e5aOx"
	apiKey  = "ui2lp2axTNmsyakw9tvNnw"
	encoded = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
	cloud   = "essu_VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
)

func TestCredential_authenticatesAsItsKind(t *testing.T) {
	tests := map[string]struct {
		credential    credential.Credential
		kind          credential.Kind
		username      string
		authorization string
	}{
		"nobody":            {credential.Credential{}, credential.None, "", ""},
		"user":              {credential.NewBasic("terraform", secret.New("pass:word")), credential.Basic, "terraform", "Basic dGVycmFmb3JtOnBhc3M6d29yZA=="},
		"user beyond Latin": {credential.NewBasic("jürgen", secret.New("schlüssel")), credential.Basic, "jürgen", "Basic asO8cmdlbjpzY2hsw7xzc2Vs"},
		"token":             {credential.NewBearer(secret.New("eyJhbGciOiJub25lIn0.e30.")), credential.Bearer, "", "Bearer eyJhbGciOiJub25lIn0.e30."},
		"API key":           {credential.NewAPIKey(secret.New(encoded)), credential.APIKey, "", "ApiKey " + encoded},
		"Cloud API key":     {credential.NewAPIKey(secret.New(cloud)), credential.APIKey, "", "ApiKey " + cloud},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.credential.Kind(); got != test.kind {
				t.Errorf("kind %v, want %v", got, test.kind)
			}
			if got := test.credential.Username(); got != test.username {
				t.Errorf("user name %q, want %q", got, test.username)
			}
			authorization := test.credential.Authorization()
			if authorization.Reveal() != test.authorization {
				t.Error("the header is another one")
			}
			if authorization.IsZero() != (test.authorization == "") {
				t.Errorf("IsZero is %t", authorization.IsZero())
			}
		})
	}
}

// The form decides, before anything is sent, whether a key can create keys (contract A5).
func TestCredential_tellsAPIKeysByTheirForm(t *testing.T) {
	tests := map[string]struct {
		credential           credential.Credential
		elasticsearch, cloud bool
	}{
		"encoded":                     {credential.NewAPIKey(secret.New(encoded)), true, false},
		"Cloud":                       {credential.NewAPIKey(secret.New(cloud)), false, true},
		"id:api_key, not encoded":     {credential.NewAPIKey(secret.New(id + ":" + apiKey)), false, false},
		"neither":                     {credential.NewAPIKey(secret.New("opaque")), false, false},
		"encoded, but a bearer token": {credential.NewBearer(secret.New(encoded)), false, false},
		"Cloud, but a bearer token":   {credential.NewBearer(secret.New(cloud)), false, false},
		"encoded, but a password":     {credential.NewBasic("user", secret.New(encoded)), false, false},
		"nobody":                      {credential.Credential{}, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.credential.IsElasticsearchAPIKey(); got != test.elasticsearch {
				t.Errorf("IsElasticsearchAPIKey is %t, want %t", got, test.elasticsearch)
			}
			if got := test.credential.IsCloudAPIKey(); got != test.cloud {
				t.Errorf("IsCloudAPIKey is %t, want %t", got, test.cloud)
			}
		})
	}
}

func TestCredential_knowsEveryFormOfItsSecret(t *testing.T) {
	tests := map[string]struct {
		credential credential.Credential
		want       []string
	}{
		"password":      {credential.NewBasic("user", secret.New("pa55word")), []string{"pa55word", "dXNlcjpwYTU1d29yZA=="}},
		"token":         {credential.NewBearer(secret.New("t0ken")), []string{"t0ken"}},
		"API key":       {credential.NewAPIKey(secret.New(encoded)), []string{encoded, apiKey, id + ":" + apiKey}},
		"Cloud API key": {credential.NewAPIKey(secret.New(cloud)), []string{cloud}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for i, form := range test.want {
				echo := secret.Scrub("you sent "+form+"!", test.credential.Secrets()...)
				if strings.Contains(echo, form) {
					t.Errorf("form %d passes", i)
				}
			}
			if echo := secret.Scrub("nothing", test.credential.Secrets()...); echo != "nothing" {
				t.Errorf("harmless words became %q", echo)
			}
		})
	}
}

func TestCredential_isShownByNoVerb(t *testing.T) {
	hidden := secret.New(apiKey)
	for _, c := range []credential.Credential{credential.NewBasic("user", hidden), credential.NewBearer(hidden), credential.NewAPIKey(hidden)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
			if strings.Contains(fmt.Sprintf(verb, c)+fmt.Sprintf(verb, &c), apiKey) {
				t.Errorf("%s shows the secret", verb)
			}
		}
	}
}

func TestSplitAPIKey_takesOnlyAnEncodedKeyApart(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	gotID, gotKey, ok := credential.SplitAPIKey(encoded)
	if gotID != id || gotKey != apiKey || !ok {
		t.Errorf("an encoded key is not taken apart: id %q, ok %t", gotID, ok)
	}
	if _, gotKey, ok := credential.SplitAPIKey(encode("id:a:b")); gotKey != "a:b" || !ok {
		t.Errorf("a colon in the secret: ok %t", ok)
	}
	for name, text := range map[string]string{
		"empty": "", "id alone": id, "id:api_key": id + ":" + apiKey, "no colon": encode("no colon"), "no id": encode(":" + apiKey),
		"no secret": encode(id + ":"), "colon alone": encode(":"), "without padding": strings.TrimRight(encoded, "="),
		"URL alphabet": base64.URLEncoding.EncodeToString([]byte(id + ":??>>")), "Cloud": cloud,
	} {
		if gotID, gotKey, ok := credential.SplitAPIKey(text); ok || gotID != "" || gotKey != "" {
			t.Errorf("%s: is taken apart", name)
		}
	}
}

func FuzzSplitAPIKey(f *testing.F) {
	for _, seed := range []string{"", encoded, strings.TrimRight(encoded, "="), id, id + ":" + apiKey, cloud, "Og==", "OjphOg==", encoded + "\n", "VnVh\r\nOg=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, apiKey, ok := credential.SplitAPIKey(text)
		if ok != (id != "" && apiKey != "") || strings.Contains(id, ":") {
			t.Fatalf("ok %t with an id of %d and a secret of %d bytes", ok, len(id), len(apiKey))
		}
		if again, _ := base64.StdEncoding.DecodeString(text); ok && string(again) != id+":"+apiKey {
			t.Fatal("the halves do not make up the whole")
		}
		c := credential.NewAPIKey(secret.New(text))
		if c.IsElasticsearchAPIKey() && c.IsCloudAPIKey() {
			t.Fatal("a key of two kinds")
		}
		if text != "" && !slices.ContainsFunc(c.Secrets(), func(s secret.Text) bool { return s.Reveal() == text }) {
			t.Fatal("the secret itself is not among its forms")
		}
	})
}
