package elasticsearch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// wireKey is a key in the answers of Elasticsearch (contract B2 and B3). Times are milliseconds since 1970.
type wireKey struct {
	ID              string                    `json:"id"`
	Name            string                    `json:"name"`
	Type            string                    `json:"type"`
	Creation        int64                     `json:"creation"`
	Expiration      int64                     `json:"expiration"`
	Invalidated     bool                      `json:"invalidated"`
	Invalidation    int64                     `json:"invalidation"`
	Username        string                    `json:"username"`
	Realm           string                    `json:"realm"`
	Metadata        map[string]any            `json:"metadata"`
	RoleDescriptors map[string]wireDescriptor `json:"role_descriptors"`
}

// wireDescriptor is a role descriptor, with every part that may grant something.
type wireDescriptor map[string]json.RawMessage

func (k wireKey) fromAPI() agentkey.Key {
	application, _ := k.Metadata["application"].(string)
	key := agentkey.Key{
		ID: k.ID, Name: k.Name, Type: k.Type, Creation: fromMillis(k.Creation), Expiration: fromMillis(k.Expiration),
		Invalidated: k.Invalidated, Invalidation: fromMillis(k.Invalidation), Username: k.Username, Realm: k.Realm,
		Application: application,
	}
	if k.RoleDescriptors != nil {
		key.RoleDescriptors = map[string]agentkey.RoleDescriptor{}
		for name, descriptor := range k.RoleDescriptors {
			key.RoleDescriptors[name] = descriptor.fromAPI()
		}
	}
	return key
}

func (d wireDescriptor) fromAPI() agentkey.RoleDescriptor {
	var descriptor agentkey.RoleDescriptor
	for _, part := range slices.Sorted(maps.Keys(d)) {
		switch part {
		case "applications":
			var applications []struct {
				Application string   `json:"application"`
				Privileges  []string `json:"privileges"`
				Resources   []string `json:"resources"`
			}
			if json.Unmarshal(d[part], &applications) != nil {
				descriptor.Other = append(descriptor.Other, part)
			}
			for _, a := range applications {
				descriptor.Applications = append(descriptor.Applications, agentkey.ApplicationPrivileges(a))
			}
		case "metadata", "transient_metadata", "description":
			// These grant nothing.
		default:
			if !isEmpty(d[part]) {
				descriptor.Other = append(descriptor.Other, part)
			}
		}
	}
	return descriptor
}

// isEmpty reports whether the part of a descriptor grants nothing.
func isEmpty(part json.RawMessage) bool {
	var value any
	_ = json.Unmarshal(part, &value) // It was valid when the whole was decoded.
	switch value := value.(type) {
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return value == nil
}

func fromMillis(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// toQuery is the body of a query (contract B3). Date math such as "now-30s" is the server's (contract E).
func toQuery(query agentkey.Query) map[string]any {
	var filter []map[string]any
	term := func(field, value string) {
		if value != "" {
			filter = append(filter, map[string]any{"term": map[string]any{field: value}})
		}
	}
	within := func(field, operator, value string) {
		filter = append(filter, map[string]any{"range": map[string]any{field: map[string]any{operator: value}}})
	}
	if len(query.IDs) > 0 {
		filter = append(filter, map[string]any{"ids": map[string]any{"values": query.IDs}})
	}
	term("name", query.Name)
	term("username", query.Username)
	term("metadata.application", query.Application)
	if query.Alive {
		filter = append(filter, map[string]any{"bool": map[string]any{"must_not": []map[string]any{
			{"term": map[string]any{"invalidated": true}}, {"range": map[string]any{"expiration": map[string]any{"lte": "now"}}},
		}}})
	}
	if query.ExpiredNow {
		within("expiration", "lte", "now")
	}
	if query.ExpiresWithin > 0 {
		within("expiration", "lte", fmt.Sprintf("now+%ds", seconds(query.ExpiresWithin)))
	}
	if query.CreatedWithin > 0 {
		within("creation", "gte", ago(query.CreatedWithin))
	}
	if query.CreatedBefore > 0 {
		within("creation", "lte", ago(query.CreatedBefore))
	}
	body := map[string]any{
		"query": map[string]any{"bool": map[string]any{"filter": filter}}, "size": agentkey.PageSize,
		"sort": []map[string]any{{"creation": map[string]any{"order": "desc"}}},
	}
	if query.Page > 0 {
		body["from"] = query.Page * agentkey.PageSize
	}
	return body
}

func ago(d time.Duration) string { return fmt.Sprintf("now-%ds", seconds(d)) }

// seconds rounds: date math knows no unit below.
func seconds(d time.Duration) int64 { return int64(d.Round(time.Second).Seconds()) }

// wireUpdate is the body of a change (contract B5). What is nil stays as it is; an empty role_descriptors would give the
// key all privileges of its owner.
type wireUpdate struct {
	Expiration      string         `json:"expiration,omitempty"`
	RoleDescriptors map[string]any `json:"role_descriptors,omitempty"`
}

func toUpdate(update agentkey.Update) wireUpdate {
	var body wireUpdate
	if update.Expiration > 0 {
		body.Expiration = fmt.Sprintf("%dms", update.Expiration.Milliseconds())
	}
	if len(update.Privileges) > 0 {
		body.RoleDescriptors = map[string]any{agentkey.Application: map[string]any{
			"cluster": []string{}, "indices": []string{}, "applications": []map[string]any{grants(update.Privileges)},
		}}
	}
	return body
}

// grants are privileges of an agent key as Kibana writes them (contract A1).
func grants(privileges []string) map[string]any {
	return map[string]any{"application": agentkey.Application, "privileges": privileges, "resources": []string{"*"}}
}
