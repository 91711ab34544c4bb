package agentkey_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/fakestack"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

func TestImport_findsAKeyByItsID(t *testing.T) {
	w := newWorld(t)
	for _, caller := range whoSees {
		keys := w.service(t, caller)
		ref, _ := w.seed(t, nil)
		got, err := keys.Import(t.Context(), secret.New(ref.ID))
		must(t, err)
		if got.Key.ID != ref.ID || !got.APIKey.IsZero() || !got.Encoded.IsZero() {
			t.Errorf("%s: got the key %s, secrets %t", caller, got.Key.ID, !got.APIKey.IsZero())
		}
		w.mustSend(t, 0, 1)
	}
}

func TestImport_keepsASecretThatTheServerAccepts(t *testing.T) {
	w := newWorld(t)
	for _, caller := range whoSees {
		keys := w.service(t, caller)
		ref, key := w.seed(t, nil)
		got, err := keys.Import(t.Context(), secret.New(key.Encoded))
		must(t, err)
		if got.Key.ID != ref.ID || got.APIKey.Reveal() != key.Key || got.Encoded.Reveal() != key.Encoded {
			t.Errorf("%s: got the key %s or another secret", caller, got.Key.ID)
		}
		w.mustSend(t, 0, 2)
	}
}

func TestImport_refusesWhatIsNoLiveAgentKey(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	_, revoked := w.seed(t, nil)
	must(t, w.Invalidate(t.Context(), revoked.ID))
	_, expired := w.seed(t, map[string]any{"expiration": "1m"})
	w.clock.server.Advance(time.Hour)
	_, other := w.seed(t, map[string]any{"metadata": map[string]any{"application": "other"}})
	_, mighty := w.seed(t, map[string]any{"role_descriptors": map[string]any{}})
	_, alive := w.seed(t, nil)
	wrong := agentkey.Encode(alive.ID, "AAAAAAAAAAAAAAAAAAAAAA").Reveal()
	for name, test := range map[string]struct{ text, id, words string }{
		"revoked":               {revoked.ID, revoked.ID, "revoked"},
		"revoked, encoded":      {revoked.Encoded, revoked.ID, "does not accept its secret"},
		"expired":               {expired.ID, expired.ID, "expired"},
		"expired, encoded":      {expired.Encoded, expired.ID, "does not accept its secret"},
		"of another kind":       {other.ID, other.ID, "metadata.application"},
		"of another, encoded":   {other.Encoded, other.ID, "metadata.application"},
		"with all privileges":   {mighty.ID, mighty.ID, "all privileges of its owner"},
		"with a wrong secret":   {wrong, alive.ID, "does not accept its secret"},
		"unknown":               {"AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA", ""},
		"unknown, with secrets": {agentkey.Encode("AAAAAAAAAAAAAAAAAAAA", "x").Reveal(), "AAAAAAAAAAAAAAAAAAAA", "does not accept its secret"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keys.Import(t.Context(), secret.New(test.text))
			if test.words == "" {
				_ = mustBe[*agentkey.HiddenError](t, err) // The creator would not see another's key.
			} else if unfit := mustBe[*agentkey.UnfitError](t, err); unfit.ID != test.id || !strings.Contains(err.Error(), test.words) {
				t.Errorf("the error does not say %q of %s: %v", test.words, test.id, err)
			}
			if got.Key.ID != "" || !got.APIKey.IsZero() || !got.Encoded.IsZero() {
				t.Error("a key is returned with an error")
			}
			for _, s := range []string{revoked.Key, expired.Key, other.Key, mighty.Key, alive.Key, "AAAAAAAAAAAAAAAAAAAAAA", test.text} {
				if s != test.id && strings.Contains(err.Error(), s) {
					t.Error("the error shows a secret")
				}
			}
		})
	}
	if _, err := w.service(t, "manager").Import(t.Context(), secret.New("AAAAAAAAAAAAAAAAAAAA")); !strings.Contains(mustBe[*agentkey.UnfitError](t, err).Error(), "no such key") {
		t.Errorf("got %v", err)
	}
	w.mustLive(t, alive, true)
}

// This id is base64 of "abc:defghijklmn", as one in forty is of some such text.
func TestImport_takesNoIDForAnEncodedKey(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, "manager")
	_, err := keys.Import(t.Context(), secret.New("YWJjOmRlZmdoaWprbG1u"))
	if unfit := mustBe[*agentkey.UnfitError](t, err); unfit.ID != "YWJjOmRlZmdoaWprbG1u" || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("got %v", err)
	}
}

func TestImport_doesNotTakeOneKeyForAnother(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	_, key := w.seed(t, nil)
	w.Elasticsearch.Inject(fakestack.RewriteBody(func(body map[string]any) { delete(body, "api_key") }).On(fakestack.To("", "/_security/_authenticate")))
	_, err := keys.Import(t.Context(), secret.New(key.Encoded))
	if unfit := mustBe[*agentkey.UnfitError](t, err); !strings.Contains(unfit.Error(), creator) || strings.Contains(unfit.Error(), key.Key) {
		t.Error("the error does not say whose secret it is, or shows it")
	}
}

func TestImport_sendsNothingOfWhatNamesNoKey(t *testing.T) {
	w := newWorld(t)
	keys := w.service(t, creator)
	_, key := w.seed(t, nil)
	w.forget()
	for name, text := range map[string]string{
		"empty": "", "the secret alone": key.Key, "id:api_key": key.ID + ":" + key.Key, "without padding": strings.TrimRight(key.Encoded, "="),
		"half": key.Encoded[:30], "a header": "ApiKey " + key.Encoded, "blank": key.ID + " ", "two": key.ID + "," + key.ID, "a name": "checkout",
	} {
		_, err := keys.Import(t.Context(), secret.New(text))
		if !errors.Is(err, agentkey.ErrNoKeyName) {
			t.Errorf("%s: got another error, or none", name)
		}
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error repeats the text", name)
		}
	}
	w.mustSend(t, 0, 0)
}

func FuzzImport(f *testing.F) {
	for _, text := range []string{
		"", "VuaCfGcBCdbkQm-e5aOx", "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==", "VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw",
		base64.StdEncoding.EncodeToString([]byte("\x1b[2J:forged")), base64.StdEncoding.EncodeToString([]byte("a/../b:x")), "Og==", "VnVh\nOg==",
	} {
		f.Add(text)
	}
	server := fakestack.NewClock(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))
	stack, err := fakestack.Start(f.Context(), fakestack.Options{Clock: server, Username: "elastic", Password: password})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(stack.Close)
	w := &world{Stack: stack, clock: &machineClock{server: server}}
	f.Fuzz(func(t *testing.T, text string) {
		w.forget()
		_, err := w.service(t, "elastic").Import(t.Context(), secret.New(text))
		if err == nil {
			t.Fatal("an empty server has a key")
		}
		if strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Fatalf("the error has control characters: %q", err)
		}
		decoded, _ := base64.StdEncoding.DecodeString(text)
		if _, apiKey, ok := strings.Cut(string(decoded), ":"); ok && len(apiKey) > 8 && strings.Contains(err.Error(), apiKey) {
			t.Fatal("the error shows the secret")
		}
		var failure *apierror.Error
		if errors.As(err, &failure) && !failure.Undelivered {
			t.Fatalf("the server failed: %v", err)
		}
	})
}
