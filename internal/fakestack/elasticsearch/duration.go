package elasticsearch

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// units are tried in this order, since "ms" ends in "s".
var units = []struct {
	suffix string
	// nanos is the length of one unit.
	nanos int64
}{
	{"nanos", 1},
	{"micros", 1_000},
	{"ms", 1_000_000},
	{"s", 1_000_000_000},
	{"m", 60 * 1_000_000_000},
	{"h", 3600 * 1_000_000_000},
	{"d", 86400 * 1_000_000_000},
}

// duration is a time value in whole seconds, the precision to which Elasticsearch adds an expiration.
type duration struct {
	seconds int64
	// positive tells more than nothing, be it less than a second.
	positive bool
}

// after returns the moment at which the duration ends. It fails for what a number of milliseconds cannot hold.
func (d duration) after(now time.Time) (*time.Time, error) {
	if d.seconds > (math.MaxInt64-now.UnixMilli())/1000 {
		return nil, &apiError{status: http.StatusInternalServerError, kind: "arithmetic_exception", reason: "long overflow"}
	}
	end := time.UnixMilli(now.UnixMilli() + d.seconds*1000)
	return &end, nil
}

// parseDuration reads a time value as Elasticsearch writes it: a whole number and one of
// d h m s ms micros nanos (contract E). Of negative numbers it takes -1 alone.
func parseDuration(setting, text string) (duration, *apiError) {
	trimmed := strings.TrimSpace(text)
	normalized := strings.ToLower(trimmed)
	for _, unit := range units {
		digits, found := strings.CutSuffix(normalized, unit.suffix)
		// An upper-case M would be a month.
		if !found || (unit.suffix == "m" && !strings.HasSuffix(trimmed, "m")) {
			continue
		}
		number, failure := parseWhole(text, strings.TrimSpace(digits))
		if failure != nil {
			return duration{}, failure
		}
		if number < -1 {
			return duration{}, illegalArgument(
				"failed to parse setting [%s] with value [%s] as a time value: negative durations are not supported", setting, text)
		}
		return duration{seconds: wholeSeconds(number, unit.nanos), positive: number > 0}, nil
	}
	if normalized == "-1" || (normalized != "" && strings.Trim(normalized, "0") == "") {
		return duration{}, nil
	}
	return duration{}, illegalArgument(
		"failed to parse setting [%s] with value [%s] as a time value: unit is missing or unrecognized", setting, text)
}

func parseWhole(text, digits string) (int64, *apiError) {
	number, err := strconv.ParseInt(digits, 10, 64)
	if err == nil {
		return number, nil
	}
	failure := illegalArgument("failed to parse [%s]", text)
	if _, err := strconv.ParseFloat(digits, 64); err == nil {
		failure = illegalArgument("failed to parse [%s], fractional time values are not supported", text)
	}
	failure.cause = &apiError{kind: "number_format_exception", reason: "For input string: \"" + digits + "\""}
	return 0, failure
}

// wholeSeconds converts a number of units, stopping at the largest number.
func wholeSeconds(number, nanos int64) int64 {
	const second = 1_000_000_000
	if nanos < second {
		return number / (second / nanos)
	}
	if factor := nanos / second; number <= math.MaxInt64/factor {
		return number * factor
	}
	return math.MaxInt64
}
