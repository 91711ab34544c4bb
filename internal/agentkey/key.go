// Package agentkey is the domain: what an APM agent key is, when it is dead, and how it is created, read and revoked.
// It knows neither Terraform nor HTTP.
package agentkey

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// The privileges that an agent key can have (contract A1).
const (
	EventWrite      = "event:write"
	ConfigAgentRead = "config_agent:read"
)

// Application is what metadata.application and the role descriptor of every agent key say (contract A1).
const Application = "apm"

// Privileges returns every privilege that can be asked for, sorted.
func Privileges() []string { return []string{ConfigAgentRead, EventWrite} }

// Spec is what the user asks for.
type Spec struct {
	Name       string
	Privileges []string // at least one of Privileges(); a set
}

// Created is Kibana's answer to a create. It is the only copy of the secret.
type Created struct {
	// Requested is when the request that was answered was sent, by this machine's clock. The key is hardly younger.
	Requested time.Time

	ID      string
	Name    string
	APIKey  secret.Text
	Encoded secret.Text // base64 of "id:api_key", what agents send
}

// Encode returns what agents send: base64 of "id:api_key" (contract B1).
func Encode(id, apiKey string) secret.Text {
	return secret.New(base64.StdEncoding.EncodeToString([]byte(id + ":" + apiKey)))
}

// Key is an API key as Elasticsearch describes it (contract B2). It never has the secret.
type Key struct {
	ID           string
	Name         string
	Type         string // "rest" or "cross_cluster"; "" before 8.10
	Creation     time.Time
	Expiration   time.Time // zero: never
	Invalidated  bool
	Invalidation time.Time // zero: not invalidated, or before 8.12
	Username     string    // the owner, with Realm
	Realm        string
	Application  string // metadata.application
	// RoleDescriptors is nil where Elasticsearch does not tell them (before 8.5).
	RoleDescriptors map[string]RoleDescriptor
}

// RoleDescriptor is the part of a role descriptor that tells an agent key from any other.
type RoleDescriptor struct {
	Applications []ApplicationPrivileges
	// Other names whatever else the descriptor grants: "cluster", "indices", "run_as", and so on.
	Other []string
}

// ApplicationPrivileges are privileges of one application on resources.
type ApplicationPrivileges struct {
	Application string
	Privileges  []string
	Resources   []string
}

// Privileges returns the privileges of the application apm, sorted, and false where Elasticsearch does not tell them.
func (k Key) Privileges() ([]string, bool) {
	if k.RoleDescriptors == nil {
		return nil, false
	}
	var privileges []string
	for _, descriptor := range k.RoleDescriptors {
		for _, application := range descriptor.Applications {
			if application.Application == Application {
				privileges = append(privileges, application.Privileges...)
			}
		}
	}
	slices.Sort(privileges)
	return slices.Compact(privileges), true
}

// Deviations says, in words, what makes the key something else than an agent key as Kibana creates it (contract A1,
// trap 12). An agent key has none.
func (k Key) Deviations() []string {
	var deviations []string
	if k.Type != "" && k.Type != "rest" {
		deviations = append(deviations, fmt.Sprintf("its type is %q, not \"rest\"", k.Type))
	}
	if k.Application != Application {
		deviations = append(deviations, fmt.Sprintf("its metadata.application is %q, not %q", k.Application, Application))
	}
	if k.RoleDescriptors == nil {
		return deviations
	}
	if len(k.RoleDescriptors) == 0 {
		// No descriptor means no limit: the key can do all that its owner can (contract B5).
		return append(deviations, "it has no role descriptor, so it has all privileges of its owner")
	}
	for _, descriptor := range k.RoleDescriptors {
		if len(descriptor.Other) > 0 {
			deviations = append(deviations, "its role descriptor also grants "+strings.Join(descriptor.Other, ", "))
		}
		for _, application := range descriptor.Applications {
			switch {
			case application.Application != Application:
				deviations = append(deviations, fmt.Sprintf("its role descriptor also grants privileges of the application %q", application.Application))
			case !slices.Equal(application.Resources, []string{"*"}):
				deviations = append(deviations, "its privileges are limited to the resources "+strings.Join(application.Resources, ", "))
			}
		}
	}
	if privileges, _ := k.Privileges(); len(privileges) == 0 {
		deviations = append(deviations, "its role descriptor grants no privilege of the application \"apm\"")
	}
	slices.Sort(deviations)
	return slices.Compact(deviations)
}

// Owner says who owns the key, for messages.
func (k Key) Owner() string { return k.Username + " (realm " + k.Realm + ")" }

// Identity is who Elasticsearch says is asking (contract B7).
type Identity struct {
	Username string
	Realm    string // the realm that authenticated; "_es_api_key" for an API key
	APIKeyID string // "" unless authenticated with an API key
	Cloud    bool   // an Elastic Cloud API key
}

// String names the identity for messages.
func (i Identity) String() string {
	if i.APIKeyID != "" && !i.Cloud {
		return fmt.Sprintf("API key %s of %s", i.APIKeyID, i.Username)
	}
	return fmt.Sprintf("%s (realm %s)", i.Username, i.Realm)
}

// Owns reports whether the identity owns what this user of this realm created. An Elasticsearch API key owns nothing but
// itself (contract B2).
func (i Identity) Owns(username, realm string) bool {
	return (i.APIKeyID == "" || i.Cloud) && username != "" && i.Username == username && i.Realm == realm
}
