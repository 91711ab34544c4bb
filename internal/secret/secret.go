// Package secret keeps credentials out of logs, errors and dumps.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Redacted is what a Text shows of itself.
const Redacted = "[redacted]"

// Text is a string that no formatting, marshalling or dump shows. Only Reveal gives it back.
//
// The value sits behind a function because fmt prints the unexported fields of an enclosing struct without asking their
// methods; a function it can only print as an address.
type Text struct {
	reveal func() string
}

// New wraps value. The empty string is the zero Text.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{reveal: func() string { return value }}
}

// Reveal returns the secret itself. Call it only where the secret leaves for its one destination.
func (t Text) Reveal() string {
	if t.reveal == nil {
		return ""
	}
	return t.reveal()
}

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.reveal == nil }

// Format implements fmt.Formatter, so that no verb shows the secret.
func (t Text) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(Redacted)) }

// String implements fmt.Stringer.
func (t Text) String() string { return Redacted }

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(Redacted) }

// Scrub replaces every secret found in text. Servers and proxies may echo what they were sent.
func Scrub(text string, secrets ...Text) string {
	// The longest goes first: a secret that holds another one could not be found any more once that is replaced.
	for _, s := range slices.SortedFunc(slices.Values(secrets), func(a, b Text) int { return len(b.Reveal()) - len(a.Reveal()) }) {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), Redacted)
		}
	}
	return text
}
