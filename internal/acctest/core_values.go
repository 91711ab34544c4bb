package acctest

import (
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Unknown is a value that is not known yet.
const Unknown = unknown("unknown")

type unknown string

// fataler is the part of testing.TB that the conversions need.
type fataler interface {
	Fatalf(format string, arguments ...any)
}

// encodeAs converts strings, booleans, slices and maps of them, nil and Unknown to a value of the type. Attributes that
// are absent from a map are null.
func encodeAs(t fataler, kind tftypes.Type, value map[string]any) *tfprotov6.DynamicValue {
	var object any
	if value != nil {
		object = value
	}
	encoded, err := tfprotov6.NewDynamicValue(kind, toValue(t, kind, object))
	if err != nil {
		t.Fatalf("encoding a value: %s", err)
	}
	return &encoded
}

func toValue(t fataler, kind tftypes.Type, value any) tftypes.Value {
	if value == nil {
		return tftypes.NewValue(kind, nil)
	}
	if value == Unknown {
		return tftypes.NewValue(kind, tftypes.UnknownValue)
	}
	switch kind := kind.(type) {
	case tftypes.Object:
		given, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("%T given for an object", value)
		}
		attributes := map[string]tftypes.Value{}
		for name, attribute := range kind.AttributeTypes {
			attributes[name] = toValue(t, attribute, given[name])
		}
		for name := range given {
			if _, ok := kind.AttributeTypes[name]; !ok {
				t.Fatalf("no attribute %q", name)
			}
		}
		return tftypes.NewValue(kind, attributes)
	case tftypes.Map:
		elements := map[string]tftypes.Value{}
		given := reflect.ValueOf(value)
		for _, key := range given.MapKeys() {
			elements[key.String()] = toValue(t, kind.ElementType, given.MapIndex(key).Interface())
		}
		return tftypes.NewValue(kind, elements)
	case tftypes.Set:
		return tftypes.NewValue(kind, toValues(t, kind.ElementType, value))
	case tftypes.List:
		return tftypes.NewValue(kind, toValues(t, kind.ElementType, value))
	}
	return tftypes.NewValue(kind, value)
}

func toValues(t fataler, kind tftypes.Type, value any) []tftypes.Value {
	elements := []tftypes.Value{}
	given := reflect.ValueOf(value)
	for i := range given.Len() {
		elements = append(elements, toValue(t, kind, given.Index(i).Interface()))
	}
	return elements
}

func fromValue(t fataler, value tftypes.Value) any {
	switch {
	case value.IsNull():
		return nil
	case !value.IsKnown():
		return Unknown
	}
	as := func(into any) {
		if err := value.As(into); err != nil {
			t.Fatalf("decoding a value: %s", err)
		}
	}
	switch kind := value.Type().(type) {
	case tftypes.Object, tftypes.Map:
		var elements map[string]tftypes.Value
		as(&elements)
		decoded := map[string]any{}
		for name, element := range elements {
			decoded[name] = fromValue(t, element)
		}
		return decoded
	case tftypes.Set, tftypes.List:
		var elements []tftypes.Value
		as(&elements)
		decoded := []any{}
		for _, element := range elements {
			decoded = append(decoded, fromValue(t, element))
		}
		return decoded
	default:
		return fromPrimitive(kind, as)
	}
}

func fromPrimitive(kind tftypes.Type, as func(into any)) any {
	switch {
	case kind.Is(tftypes.Bool):
		var decoded bool
		as(&decoded)
		return decoded
	case kind.Is(tftypes.Number):
		var decoded *big.Float
		as(&decoded)
		return decoded.String()
	}
	var decoded string
	as(&decoded)
	return decoded
}

// equal compares values of which one may be given as a Go slice or map of strings. The order in a slice does not matter.
func equal(a, b any) bool { return reflect.DeepEqual(normalized(a), normalized(b)) }

// fillsIn reports whether value is what was planned, but for what was unknown then.
func fillsIn(planned, value any) bool {
	if planned == Unknown {
		return true
	}
	before, ok := planned.(map[string]any)
	after, isMap := value.(map[string]any)
	if !ok || !isMap {
		return equal(planned, value)
	}
	for name, element := range before {
		if !fillsIn(element, after[name]) {
			return false
		}
	}
	return len(before) == len(after)
}

func normalized(value any) any {
	given := reflect.ValueOf(value)
	switch given.Kind() {
	case reflect.Slice:
		var elements []string
		for i := range given.Len() {
			elements = append(elements, fmt.Sprint(given.Index(i).Interface()))
		}
		slices.Sort(elements)
		return elements
	case reflect.Map:
		elements := map[string]any{}
		for _, key := range given.MapKeys() {
			// An absent attribute and a null one are the same.
			if element := given.MapIndex(key).Interface(); element != nil {
				elements[key.String()] = normalized(element)
			}
		}
		return maps.Clone(elements)
	}
	return value
}
