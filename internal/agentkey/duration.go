package agentkey

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"time"
)

// durationFormat is the part of Elasticsearch's time units that makes sense for a key's life (contract E).
var durationFormat = regexp.MustCompile(`^([0-9]+)(d|h|m|s)$`)

var durationUnits = map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}

var (
	errDurationFormat = errors.New("a duration is a whole number with one unit of d, h, m or s, such as \"90d\", \"36h\", \"30m\" or \"45s\"; fractions, weeks, combinations and ISO 8601 are not understood by Elasticsearch")
	errDurationZero   = errors.New("a duration must be longer than zero, such as \"1h\"")
	errDurationLong   = errors.New("a duration must not be longer than 106751d, about 292 years")
)

// ParseDuration reads a duration as Elasticsearch writes it: a whole number, and d, h, m or s.
func ParseDuration(text string) (time.Duration, error) {
	match := durationFormat.FindStringSubmatch(text)
	if match == nil {
		return 0, errDurationFormat
	}
	unit := durationUnits[match[2]]
	number, err := strconv.ParseInt(match[1], 10, 64)
	switch {
	case err != nil || number > math.MaxInt64/int64(unit):
		return 0, errDurationLong
	case number == 0:
		return 0, errDurationZero
	}
	return time.Duration(number) * unit, nil
}
