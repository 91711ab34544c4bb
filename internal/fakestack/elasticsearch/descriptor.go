package elasticsearch

import (
	"bytes"
	"encoding/json"
	"slices"
)

// descriptor is a set of privileges: a role, or one entry of an API key's role_descriptors.
// It marshals as Elasticsearch returns it, whatever of it was sent (contract B2).
type descriptor struct {
	Cluster           []string          `json:"cluster"`
	Indices           []indexPrivileges `json:"indices"`
	Applications      []applicationRule `json:"applications"`
	RunAs             []string          `json:"run_as"`
	Metadata          map[string]any    `json:"metadata"`
	TransientMetadata map[string]any    `json:"transient_metadata"`
	Description       string            `json:"description,omitempty"`
}

// indexPrivileges are the privileges on the indices whose names fit.
type indexPrivileges struct {
	Names                  []string `json:"names"`
	Privileges             []string `json:"privileges"`
	Query                  any      `json:"query,omitempty"`
	FieldSecurity          any      `json:"field_security,omitempty"`
	AllowRestrictedIndices bool     `json:"allow_restricted_indices"`
}

// applicationRule are the privileges on an application's resources.
type applicationRule struct {
	Application string   `json:"application"`
	Privileges  []string `json:"privileges"`
	Resources   []string `json:"resources"`
}

// superuser is the built-in role of that name.
func superuser() descriptor {
	return descriptor{
		Cluster:           []string{"all"},
		Indices:           []indexPrivileges{{Names: []string{"*"}, Privileges: []string{"all"}}},
		Applications:      []applicationRule{{Application: "*", Privileges: []string{"*"}, Resources: []string{"*"}}},
		RunAs:             []string{"*"},
		Metadata:          map[string]any{"_reserved": true},
		TransientMetadata: map[string]any{},
	}
}

// empty reports whether the descriptor grants nothing, which is all that an API key may hand on
// to a key that it creates (contract A5).
func (d descriptor) empty() bool {
	return len(d.Cluster) == 0 && len(d.Indices) == 0 && len(d.Applications) == 0 && len(d.RunAs) == 0
}

// parseDescriptors reads the role_descriptors of a request, by name.
func parseDescriptors(parser string, raw json.RawMessage) (map[string]descriptor, *apiError) {
	const field = "role_descriptors"
	var entries map[string]json.RawMessage
	if failure := decodeField(parser, field, raw, &entries); failure != nil {
		return nil, failure
	}
	descriptors := make(map[string]descriptor, len(entries))
	for name, entry := range entries {
		parsed, failure := parseDescriptor(name, entry)
		if failure != nil {
			return nil, fieldFailure(parser, field, fieldFailure(field, name, failure))
		}
		descriptors[name] = parsed
	}
	return descriptors, nil
}

// parseDescriptor reads a role, refusing fields that Elasticsearch does not know.
func parseDescriptor(name string, raw json.RawMessage) (descriptor, *apiError) {
	parsed := descriptor{
		Cluster: []string{}, Indices: []indexPrivileges{}, Applications: []applicationRule{}, RunAs: []string{},
		Metadata: map[string]any{}, TransientMetadata: map[string]any{"enabled": true},
	}
	if kind := tokenOf(raw); kind != "START_OBJECT" {
		return descriptor{}, badRequest("parse_exception", "failed to parse role [%s]. expected an object but found [%s] instead", name, kind)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return descriptor{}, badRequest("parse_exception", "failed to parse role [%s]", name)
	}
	for field, value := range fields {
		var target any
		switch field {
		case "cluster":
			target = &parsed.Cluster
		case "index", "indices":
			target = &parsed.Indices
		case "applications":
			target = &parsed.Applications
		case "run_as":
			target = &parsed.RunAs
		case "metadata":
			target = &parsed.Metadata
		case "description":
			target = &parsed.Description
		case "transient_metadata":
			continue
		default:
			return descriptor{}, badRequest("parse_exception", "failed to parse role [%s]. unexpected field [%s]", name, field)
		}
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(target); err != nil {
			return descriptor{}, badRequest("parse_exception", "failed to parse role [%s]. could not parse field [%s]", name, field)
		}
	}
	return parsed, checkRules(name, parsed.Applications)
}

// checkRules refuses application privileges that leave something out. Missing and empty are
// different errors.
func checkRules(role string, rules []applicationRule) *apiError {
	for _, rule := range rules {
		missing := ""
		switch {
		case rule.Application == "":
			missing = "application"
		case rule.Privileges == nil:
			missing = "privileges"
		case rule.Resources == nil:
			missing = "resources"
		}
		switch {
		case missing != "":
			return badRequest("parse_exception", "failed to parse application privileges for role [%s]. missing required [%s] field", role, missing)
		case len(rule.Privileges) == 0:
			return illegalArgument("application privileges must define at least one privilege")
		case len(rule.Resources) == 0:
			return illegalArgument("application privileges must refer to at least one resource")
		}
	}
	return nil
}

// descriptorProblems lists the cluster privileges that nobody knows.
func descriptorProblems(descriptors map[string]descriptor) []string {
	var problems []string
	for _, entry := range descriptors {
		for _, privilege := range entry.Cluster {
			if failure := knownClusterPrivilege(privilege); failure != nil {
				problems = append(problems, failure.reason)
			}
		}
	}
	return problems
}

// equalDescriptors compares what two sets of descriptors grant and say.
func equalDescriptors(a, b map[string]descriptor) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}
