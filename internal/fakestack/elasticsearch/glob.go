package elasticsearch

// matches reports whether text fits a pattern in which * stands for any run of characters.
// A text that is itself a pattern fits when the pattern covers it, so the same function
// answers whether one privilege includes another.
func matches(pattern, text string) bool { return match(pattern, text, false) }

// matchesWildcard also takes ? for any one character, as wildcard queries do.
func matchesWildcard(pattern, text string) bool { return match(pattern, text, true) }

func match(pattern, text string, single bool) bool {
	// The last star seen, and the text from which it was tried, to come back to.
	star, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || (single && pattern[p] == '?')):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func matchesAny(patterns []string, text string) bool {
	for _, pattern := range patterns {
		if matches(pattern, text) {
			return true
		}
	}
	return false
}
