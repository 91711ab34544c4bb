package agentkey_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

func TestParseDuration_readsWhatElasticsearchWrites(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "45s": 45 * time.Second, "30m": 30 * time.Minute, "36h": 36 * time.Hour, "90d": 90 * 24 * time.Hour, "007d": 7 * 24 * time.Hour,
		"106751d": 106751 * 24 * time.Hour, "9223372036s": 9223372036 * time.Second,
	} {
		if got, err := agentkey.ParseDuration(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseDuration_refusesAnythingElse(t *testing.T) {
	for words, texts := range map[string][]string{
		"whole number": {
			"", "d", "10", "-1d", "+1d", "1.5h", "1d12h", "1w", "1y", "P1D", "1 d", " 1d", "1d ", "1d\n", "1D", "1H", "1ms", "1micros", "1nanos",
			"0x1d", "1e3s", "١d", "never",
		},
		"longer than zero": {"0s", "0d", "000h"},
		"not be longer":    {"106752d", "9223372037s", "99999999999999999999d", strings.Repeat("9", 1000) + "s"},
	} {
		for _, text := range texts {
			if got, err := agentkey.ParseDuration(text); got != 0 || err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%.20q: got %v, %v, want an error that says %q", text, got, err, words)
			}
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"", "1s", "90d", "0h", "106752d", "-1d", "1.5h", "1d12h", "99999999999999999999d", "1d\n", "٣d"} {
		f.Add(text)
	}
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := agentkey.ParseDuration(text)
		if err != nil {
			if got != 0 {
				t.Fatal("an error with a duration")
			}
			return
		}
		unit := units[text[len(text)-1]]
		if got <= 0 || unit == 0 || got%unit != 0 || strconv.FormatInt(int64(got/unit), 10) != strings.TrimLeft(text[:len(text)-1], "0") {
			t.Fatalf("%q became %v", text, got)
		}
	})
}
