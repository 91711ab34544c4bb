package elasticsearch

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mathStep is one step of date math: +1d, -2m, /h.
var mathStep = regexp.MustCompile(`^([+-]\d*|/)([yMwdhHms])`)

// bound is one end of a range.
type bound struct {
	holds func(order int) bool
	limit any
}

// compileRange compiles a range query; on dates it knows date math, by the server's clock (contract E).
func (s *Server) compileRange(field string, raw json.RawMessage) (filter, *apiError) {
	var options map[string]any
	if err := json.Unmarshal(raw, &options); err != nil {
		return nil, badRequest("parsing_exception", "[range] query malformed, no start_object after field name")
	}
	kind, failure := s.fieldKind(field)
	switch {
	case failure != nil:
		return nil, failure
	case kind == boolean:
		return nil, searchFailure("query_shard_exception", "failed to create query: Can't parse boolean value, expected [true] or [false]")
	case strings.HasPrefix(field, "metadata."):
		return nil, searchFailure("query_shard_exception",
			"failed to create query: [range] queries on keyed [flattened] fields must include both an upper and a lower bound.")
	}
	format, _ := options["format"].(string)
	var bounds []bound
	for name, value := range options {
		if name == "format" || (value == nil && comparison(name) != nil) {
			continue
		}
		end := bound{holds: comparison(name), limit: any(text(value))}
		if end.holds == nil {
			return nil, badRequest("parsing_exception", "[range] query does not support [%s]", name)
		}
		if kind == date {
			moment, failure := s.parseMoment(value, format, name == "gt" || name == "lte")
			if failure != nil {
				return nil, failure
			}
			end.limit = moment.UnixMilli()
		}
		bounds = append(bounds, end)
	}
	return func(key *apiKey) bool {
		for _, value := range fieldValues(key, field) {
			value = sortValue(kind, value)
			outside := func(end bound) bool { return !end.holds(compareValues(value, end.limit)) }
			if !slices.ContainsFunc(bounds, outside) {
				return len(bounds) > 0
			}
		}
		return false
	}, nil
}

// comparison returns the test that a bound of a name stands for, nil when there is none.
func comparison(name string) func(order int) bool {
	switch name {
	case "gt":
		return func(order int) bool { return order > 0 }
	case "gte":
		return func(order int) bool { return order >= 0 }
	case "lt":
		return func(order int) bool { return order < 0 }
	case "lte":
		return func(order int) bool { return order <= 0 }
	default:
		return nil
	}
}

// parseMoment reads a time in one of the formats, or date math on one or on now. Without a format
// only epoch milliseconds are taken, as the index holds them; RFC 3339 takes
// "strict_date_optional_time". Rounding goes up to the last millisecond of the unit when up is set.
func (s *Server) parseMoment(value any, format string, up bool) (time.Time, *apiError) {
	word := text(value)
	if format == "" {
		format = "epoch_millis"
	}
	steps, relative := strings.CutPrefix(word, "now")
	moment := s.now()
	if !relative {
		anchor, rest, _ := strings.Cut(word, "||")
		parsed, ok := parseTime(anchor, format)
		if !ok {
			return time.Time{}, searchFailure("parse_exception",
				"failed to parse date field [%s] with format [%s]: [failed to parse date field [%s] with format [%s]]", anchor, format, anchor, format)
		}
		moment, steps = parsed, rest
	}
	for steps != "" {
		step := mathStep.FindStringSubmatch(steps)
		if step == nil {
			return time.Time{}, searchFailure("parse_exception", "operator or unit not supported for date math [%s]", steps)
		}
		steps = steps[len(step[0]):]
		if step[1] == "/" {
			moment = roundTo(moment, step[2], up)
			continue
		}
		amount := 1
		if digits := step[1][1:]; digits != "" {
			amount, _ = strconv.Atoi(digits)
		}
		if step[1][0] == '-' {
			amount = -amount
		}
		moment = addUnits(moment, amount, step[2])
	}
	return moment, nil
}

// parseTime tries the formats, which || separates.
func parseTime(word, formats string) (time.Time, bool) {
	for format := range strings.SplitSeq(formats, "||") {
		switch format {
		case "epoch_millis":
			if milliseconds, err := strconv.ParseFloat(word, 64); err == nil {
				return time.UnixMilli(int64(milliseconds)), true
			}
		case "strict_date_optional_time", "date_optional_time":
			for _, layout := range []string{time.RFC3339, time.DateOnly} {
				if parsed, err := time.Parse(layout, word); err == nil {
					return parsed, true
				}
			}
		}
	}
	return time.Time{}, false
}

func addUnits(moment time.Time, amount int, unit string) time.Time {
	switch unit {
	case "y":
		return moment.AddDate(amount, 0, 0)
	case "M":
		return moment.AddDate(0, amount, 0)
	case "w":
		return moment.AddDate(0, 0, 7*amount)
	case "d":
		return moment.AddDate(0, 0, amount)
	case "h", "H":
		return moment.Add(time.Duration(amount) * time.Hour)
	case "m":
		return moment.Add(time.Duration(amount) * time.Minute)
	default:
		return moment.Add(time.Duration(amount) * time.Second)
	}
}

func roundTo(moment time.Time, unit string, up bool) time.Time {
	moment = moment.UTC()
	start := time.Date(moment.Year(), moment.Month(), moment.Day(), 0, 0, 0, 0, time.UTC)
	switch unit {
	case "y":
		start = time.Date(moment.Year(), time.January, 1, 0, 0, 0, 0, time.UTC)
	case "M":
		start = time.Date(moment.Year(), moment.Month(), 1, 0, 0, 0, 0, time.UTC)
	case "w":
		start = start.AddDate(0, 0, -(int(moment.Weekday())+6)%7)
	case "d":
	case "h", "H":
		start = moment.Truncate(time.Hour)
	case "m":
		start = moment.Truncate(time.Minute)
	default:
		start = moment.Truncate(time.Second)
	}
	if up {
		return addUnits(start, 1, unit).Add(-time.Millisecond)
	}
	return start
}
