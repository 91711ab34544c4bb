package acctest_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

const (
	plantedPassword = `pass <"&ä/+?>w0rd`
	plantedAPIKey   = "ui2lp2axTNmsyakw9tvNnw"
	plantedID       = "VuaCfGcBCdbkQm-e5aOx"
)

func planted() *acctest.Secrets {
	secrets := &acctest.Secrets{}
	secrets.AddBasic("password", "terraform", plantedPassword)
	secrets.AddKey("key", base64.StdEncoding.EncodeToString([]byte(plantedID+":"+plantedAPIKey)))
	return secrets
}

func TestSecrets_findsEveryForm(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(plantedID + ":" + plantedAPIKey))
	basic := base64.StdEncoding.EncodeToString([]byte("terraform:" + plantedPassword))
	forms := map[string]string{
		"password":                     plantedPassword,
		"password in base64":           base64.StdEncoding.EncodeToString([]byte(plantedPassword)),
		"password in base64 for URLs":  base64.RawURLEncoding.EncodeToString([]byte(plantedPassword)),
		"password in a query":          url.QueryEscape(plantedPassword),
		"password in a path":           url.PathEscape(plantedPassword),
		"password in JSON":             `pass \u003c\"\u0026ä/+?\u003ew0rd`,
		"password in JSON, not HTML":   `pass <\"&ä/+?>w0rd`,
		"password in JSON in JSON":     `pass \\u003c\\\"\\u0026ä/+?\\u003ew0rd`,
		"password as a Go string":      `pass <\"&ä/+?>w0rd`,
		"password's first half":        plantedPassword[:9],
		"password's last half":         plantedPassword[9:],
		"basic authentication":         "Basic " + basic,
		"basic authentication's half":  basic[:20],
		"basic authentication's end":   basic[20:],
		"api_key":                      plantedAPIKey,
		"api_key in base64":            base64.StdEncoding.EncodeToString([]byte(plantedAPIKey)),
		"api_key's first half":         plantedAPIKey[:11],
		"api_key's last half":          plantedAPIKey[11:],
		"id:api_key":                   plantedID + ":" + plantedAPIKey,
		"encoded":                      "ApiKey " + encoded,
		"encoded for a query":          url.QueryEscape(encoded),
		"encoded without its padding":  strings.TrimRight(encoded, "="),
		"encoded in base64":            base64.StdEncoding.EncodeToString([]byte(encoded)),
		"encoded's first half":         encoded[:30],
		"encoded's last half":          encoded[30:],
		"encoded's base64's last half": base64.StdEncoding.EncodeToString([]byte(encoded))[39:],
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			if len(planted().In("some text before"+form+"and after")) == 0 {
				t.Error("not found")
			}
		})
	}
}

func TestSecrets_findsNothingElse(t *testing.T) {
	for _, text := range []string{
		"", "terraform", plantedID, plantedID + ": alive", "id " + plantedID + ":", plantedAPIKey[:10], plantedAPIKey[12:], plantedPassword[:8],
		base64.StdEncoding.EncodeToString([]byte("terraform:")),
	} {
		if found := planted().In(text); len(found) > 0 {
			t.Errorf("%q is taken for %v", text, found)
		}
	}
	if found := (&acctest.Secrets{}).In(plantedPassword); len(found) > 0 {
		t.Errorf("unknown secrets are found: %v", found)
	}
}

func TestSecrets_namesWithoutShowing(t *testing.T) {
	found := planted().In("Authorization: " + plantedPassword + plantedAPIKey)
	if !slices.Contains(found, "password") || !slices.Contains(found, "key, api_key") {
		t.Errorf("found %v", found)
	}
	if again := planted().In(strings.Join(found, "\n")); len(again) > 0 {
		t.Error("the names hold a secret")
	}
}
