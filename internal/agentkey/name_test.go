package agentkey_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// Contract B1 and E: what Elasticsearch was seen to accept and refuse.
func TestCheckName_appliesTheRulesOfElasticsearch(t *testing.T) {
	tests := map[string]struct{ name, words string }{
		"letters":               {"checkout", ""},
		"one character":         {"x", ""},
		"blanks inside":         {"check out", ""},
		"underscore inside":     {"check_out_", ""},
		"control inside":        {"a\nb\tc\x00d*e", ""},
		"256 characters":        {strings.Repeat("x", 256), ""},
		"256 of two bytes":      {strings.Repeat("é", 256), ""},
		"128 emoji":             {strings.Repeat("🔑", 128), ""},
		"no-break space":        {"\u00a0x\u00a0", ""}, // Java's trim removes nothing above U+0020.
		"wide space":            {"\u3000x\u2003", ""},
		"DEL and C1":            {"\x7fx\u0085", ""},
		"empty":                 {"", "empty"},
		"257 characters":        {strings.Repeat("x", 257), "longer"},
		"257 of two bytes":      {strings.Repeat("é", 257), "longer"},
		"129 emoji":             {strings.Repeat("🔑", 129), "longer"},
		"128 emoji and one":     {strings.Repeat("🔑", 128) + "x", "longer"},
		"leading blank":         {" x", "begin or end"},
		"trailing blank":        {"x ", "begin or end"},
		"leading tab":           {"\tx", "begin or end"},
		"trailing line break":   {"x\n", "begin or end"},
		"trailing NUL":          {"x\x00", "begin or end"},
		"leading escape":        {"\x1bx", "begin or end"},
		"a blank alone":         {" ", "begin or end"},
		"leading underscore":    {"_x", "underscore"},
		"an underscore alone":   {"_", "underscore"},
		"blank, then underline": {" _x", "begin or end"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := agentkey.CheckName(test.name)
			switch {
			case test.words == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.words != "" && (err == nil || !strings.Contains(err.Error(), test.words)):
				t.Errorf("got %v, want an error that says %q", err, test.words)
			}
		})
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"", "x", "_x", " x", "x\n", "\u00a0x", "\xff", "x\xc3", strings.Repeat("🔑", 129), strings.Repeat("é", 257), "\x1b[2J"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := agentkey.CheckName(name)
		if err != nil {
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Fatalf("the error has control characters: %q", err)
			}
			return
		}
		if units := len(utf16.Encode([]rune(name))); units < 1 || units > 256 || name[0] == '_' || name[0] <= ' ' || name[len(name)-1] <= ' ' {
			t.Fatalf("accepted %q of %d units", name, units)
		}
	})
}
