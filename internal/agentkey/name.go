package agentkey

import (
	"errors"
	"strings"
	"unicode/utf16"
)

// maxName is the longest name, in UTF-16 units as Java counts (contract E).
const maxName = 256

// CheckName applies the rules of Elasticsearch, which Kibana would report as an opaque HTTP 500 (contract B1, trap 9).
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a name must not be empty")
	case len(utf16.Encode([]rune(name))) > maxName:
		return errors.New("a name must not be longer than 256 characters, where a character outside the basic plane, such as an emoji, counts twice")
	case strings.TrimFunc(name, isJavaSpace) != name:
		return errors.New("a name must not begin or end with a blank, tab, line break or other control character")
	case strings.HasPrefix(name, "_"):
		return errors.New("a name must not begin with an underscore")
	}
	return nil
}

// isJavaSpace is what Java's String.trim removes.
func isJavaSpace(r rune) bool { return r <= ' ' }
