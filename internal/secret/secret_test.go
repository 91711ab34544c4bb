package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/elastic/terraform-provider-apm/internal/secret"
)

const planted = "s3cr3t-pl4nted"

// holder has a secret where fmt asks it how to show itself, and where it does not.
type holder struct {
	Exported   secret.Text
	unexported secret.Text
	Pointer    *secret.Text
	nested     struct{ deeper secret.Text }
	Map        map[string]secret.Text
	list       []secret.Text
	Any        any
}

func newHolder(text secret.Text) holder {
	h := holder{
		Exported: text, unexported: text, Pointer: &text, Map: map[string]secret.Text{"key": text}, list: []secret.Text{text}, Any: text,
	}
	h.nested.deeper = text
	return h
}

func TestText_isShownByNoVerb(t *testing.T) {
	text := secret.New(planted)
	h := newHolder(text)
	values := map[string]any{
		"text": text, "pointer": &text, "struct": h, "pointer to struct": &h, "slice": []secret.Text{text},
		"map": map[string]secret.Text{"key": text}, "interface": []any{text, h}, "error": fmt.Errorf("wrapped: %v", text),
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%o", "%U", "%T", "%p", "%20s", "%.3s", "%08b", "%!"} {
			t.Run(name+" "+verb, func(t *testing.T) {
				mustNotLeak(t, fmt.Sprintf(verb, value))
			})
		}
	}
	mustNotLeak(t, fmt.Sprint(text, h), fmt.Sprintln(&h), text.String(), errors.Join(fmt.Errorf("%s", text), fmt.Errorf("%+v", h)).Error())
}

func TestText_showsThatItIsRedacted(t *testing.T) {
	text := secret.New(planted)
	for _, shown := range []string{text.String(), fmt.Sprintf("%q", text), fmt.Sprintf("%#v", &text), text.String(), text.LogValue().String()} {
		if shown != secret.Redacted {
			t.Errorf("shown as %q, want %q", shown, secret.Redacted)
		}
	}
}

func TestText_isMarshalledRedacted(t *testing.T) {
	h := newHolder(secret.New(planted))
	marshalled, err := json.Marshal(h) //nolint:musttag // The names of the fields do not matter here.
	if err != nil {
		t.Fatal(err)
	}
	mustNotLeak(t, string(marshalled))
	if got := strings.Count(string(marshalled), `"`+secret.Redacted+`"`); got != 4 {
		t.Errorf("%d redacted values in %s, want those of the 4 exported fields", got, marshalled)
	}
	text, err := h.Exported.MarshalText()
	if err != nil || string(text) != secret.Redacted {
		t.Errorf("MarshalText returned %q, %v", text, err)
	}
}

func TestText_isLoggedRedacted(t *testing.T) {
	text := secret.New(planted)
	h := newHolder(text)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).With("with", text).Info("message", "text", text, "pointer", &text, "struct", h, "group", slog.GroupValue(slog.Any("in", text)))
	}
	mustNotLeak(t, out.String())
	if !strings.Contains(out.String(), secret.Redacted) {
		t.Errorf("the log does not show that something is redacted: %s", out.String())
	}
}

func TestText_revealsWhatItWasMadeOf(t *testing.T) {
	if got := secret.New(planted).Reveal(); got != planted {
		t.Error("Reveal does not return the secret")
	}
	if secret.New(planted).IsZero() {
		t.Error("a secret is zero")
	}
	for name, text := range map[string]secret.Text{"zero value": {}, "empty string": secret.New("")} {
		if !text.IsZero() || text.Reveal() != "" {
			t.Errorf("%s: IsZero is %t and Reveal returns %d bytes", name, text.IsZero(), len(text.Reveal()))
		}
	}
}

func TestScrub_replacesEverySecret(t *testing.T) {
	tests := map[string]struct {
		text    string
		secrets []string
		want    string
	}{
		"none":            {"nothing to hide", []string{planted}, "nothing to hide"},
		"twice":           {"a " + planted + " b " + planted, []string{planted}, "a [redacted] b [redacted]"},
		"several":         {"one two", []string{"one", "two"}, "[redacted] [redacted]"},
		"zero secrets":    {"kept", []string{""}, "kept"},
		"one in another":  {"user:pass", []string{"pass", "user:pass"}, "[redacted]"},
		"without secrets": {"kept", nil, "kept"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var secrets []secret.Text
			for _, s := range test.secrets {
				secrets = append(secrets, secret.New(s))
			}
			if got := secret.Scrub(test.text, secrets...); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// leaky is what Text would be if it were a named string with the same methods but one.
type leaky string

// String implements fmt.Stringer.
func (leaky) String() string { return secret.Redacted }

func TestLeaked_findsAPlantedLeak(t *testing.T) {
	h := struct{ unexported leaky }{planted}
	for _, shown := range []string{planted, fmt.Sprintf("%v", h), fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), fmt.Sprintf("%d", []byte(planted))} {
		if !leaked(shown) {
			t.Errorf("the check does not see the secret in %q", shown)
		}
	}
}

func mustNotLeak(t *testing.T, shown ...string) {
	t.Helper()
	for _, s := range shown {
		if leaked(s) {
			t.Error("the secret is shown") // Without the text, which holds it.
		}
	}
}

// leaked reports whether shown holds the secret, as it is or as the verbs for numbers write it.
func leaked(shown string) bool {
	numbers := strings.Trim(fmt.Sprintf("%d", []byte(planted)), "[]")
	for _, form := range []string{planted, fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), numbers} {
		if strings.Contains(shown, form) {
			return true
		}
	}
	return false
}
