package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// timeFormat is RFC 3339 with the milliseconds that Elasticsearch gives.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// agentKeyModel is plan and state of apm_agent_key. It holds secrets: never format it.
type agentKeyModel struct {
	Name              types.String   `tfsdk:"name"`
	Privileges        types.Set      `tfsdk:"privileges"`
	ExpiresIn         types.String   `tfsdk:"expires_in"`
	RotateAfter       types.String   `tfsdk:"rotate_after"`
	RotateWhenChanged types.Map      `tfsdk:"rotate_when_changed"`
	RevokeAfter       types.String   `tfsdk:"revoke_after"`
	ID                types.String   `tfsdk:"id"`
	APIKey            types.String   `tfsdk:"api_key"`
	Encoded           types.String   `tfsdk:"encoded"`
	Creation          types.String   `tfsdk:"creation"`
	Expiration        types.String   `tfsdk:"expiration"`
	Username          types.String   `tfsdk:"username"`
	Realm             types.String   `tfsdk:"realm"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

func (m *agentKeyModel) spec(ctx context.Context) (agentkey.Spec, diag.Diagnostics) {
	var privileges []string
	diags := m.Privileges.ElementsAs(ctx, &privileges, false)
	return agentkey.Spec{Name: m.Name.ValueString(), Privileges: privileges}, diags
}

func (m *agentKeyModel) ref() agentkey.Ref {
	return agentkey.Ref{ID: m.ID.ValueString(), Username: m.Username.ValueString(), Realm: m.Realm.ValueString()}
}

// creation returns when the key was created, or the zero time while that is unknown.
func (m *agentKeyModel) creation() time.Time { return timeOf(m.Creation) }

// expiration returns when the key ends, or the zero time if never.
func (m *agentKeyModel) expiration() time.Time { return timeOf(m.Expiration) }

// life returns how long the key is to live, or 0 if for ever.
func (m *agentKeyModel) life() time.Duration {
	life, _ := knownDuration(m.ExpiresIn)
	return life
}

// endIsDue reports whether the end of the key is not the one that expiresIn asks for.
func (m *agentKeyModel) endIsDue(expiresIn types.String) bool {
	life, _ := knownDuration(expiresIn)
	if m.creation().IsZero() {
		return false // The next refresh tells.
	}
	off := m.expiration().Sub(m.creation().Add(life)).Abs()
	return m.Expiration.IsNull() || m.life() != life || off > agentkey.EndTolerance
}

// setCreated takes over what Kibana answered. What only Elasticsearch knows becomes null until it is read.
func (m *agentKeyModel) setCreated(created agentkey.Created) {
	m.ID = types.StringValue(created.ID)
	m.APIKey = secretValue(created.APIKey)
	m.Encoded = secretValue(created.Encoded)
	m.Creation, m.Expiration = types.StringNull(), types.StringNull()
	m.Username, m.Realm = types.StringNull(), types.StringNull()
}

// setFacts takes over what Elasticsearch says of the key, except its privileges.
func (m *agentKeyModel) setFacts(key agentkey.Key) {
	m.ID = types.StringValue(key.ID)
	m.Name = types.StringValue(key.Name)
	m.Creation = timeValue(key.Creation)
	m.Expiration = timeValue(key.Expiration)
	m.Username = types.StringValue(key.Username)
	m.Realm = types.StringValue(key.Realm)
}

// setPrivileges takes over the privileges, so that a change on the server shows as drift. A key that is no agent key any
// more gets none, so that the plan replaces it.
func (m *agentKeyModel) setPrivileges(ctx context.Context, key agentkey.Key) diag.Diagnostics {
	var diags diag.Diagnostics
	privileges, told := key.Privileges()
	if deviations := key.Deviations(); len(deviations) > 0 {
		addDeviations(&diags, key, deviations)
		privileges, told = []string{}, true
	}
	if !told {
		return diags
	}
	set, setDiags := types.SetValueFrom(ctx, types.StringType, privileges)
	diags.Append(setDiags...)
	m.Privileges = set
	return diags
}

func timeOf(value types.String) time.Time {
	parsed, _ := time.Parse(time.RFC3339, value.ValueString())
	return parsed
}

func secretValue(text secret.Text) types.String {
	if text.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(text.Reveal())
}

func timeValue(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(timeFormat))
}
