package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/credential"
)

// lifeLeftWarned is the part of a key's life that is left when a plan begins to warn of its end.
const lifeLeftWarned = 10

// ValidateConfig implements resource.ResourceWithValidateConfig.
func (r *agentKeyResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config agentKeyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	checkRotation(config, &resp.Diagnostics)
	for operation, timeout := range map[string]func(context.Context, time.Duration) (time.Duration, diag.Diagnostics){
		"create": config.Timeouts.Create, "read": config.Timeouts.Read, "update": config.Timeouts.Update, "delete": config.Timeouts.Delete,
	} {
		if d, diags := timeout(ctx, defaultReadTimeout); !diags.HasError() && d <= 0 {
			resp.Diagnostics.AddAttributeError(path.Root("timeouts").AtName(operation), "Invalid timeout", "It must be longer than nothing, such as 5m.")
		}
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan.
func (r *agentKeyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil {
		return
	}
	var state, plan agentKeyModel
	exists, stays := !req.State.Raw.IsNull(), !req.Plan.Raw.IsNull()
	if exists {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if stays {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := state.Timeouts.Read(ctx, defaultReadTimeout)
	resp.Diagnostics.Append(diags...)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	p := &planner{data: r.data, state: state, plan: plan, resp: resp}
	switch {
	case !exists:
		p.create()
	case !stays:
		p.requireOwner(ctx, state.RevokeAfter)
	default:
		p.change(ctx)
	}
}

// planner decides what a plan does with a key.
type planner struct {
	data        *providerData
	state, plan agentKeyModel
	resp        *resource.ModifyPlanResponse
}

// create refuses what could never work, while nothing has happened yet. Replacing a key plans a creation too.
func (p *planner) create() {
	checkRotation(p.plan, &p.resp.Diagnostics)
	if p.data.creator.IsElasticsearchAPIKey() {
		p.resp.Diagnostics.AddError("Unable to create APM agent keys with an API key", derivedKeyAdvice)
		return
	}
	if p.data.creator.Kind() != credential.APIKey {
		return
	}
	for name, value := range map[string]types.String{"expires_in": p.plan.ExpiresIn, "revoke_after": p.plan.RevokeAfter} {
		if !value.IsNull() {
			p.resp.Diagnostics.AddAttributeError(path.Root(name), "Unable to honour "+name,
				"Elasticsearch lets nobody who authenticates with an API key change the end of a key. Remove "+name+", or set the credentials of a user in the kibana block.")
		}
	}
}

// change decides between a replacement, a change in place, and nothing.
func (p *planner) change(ctx context.Context) {
	checkRotation(p.plan, &p.resp.Diagnostics)
	if !p.plan.Name.Equal(p.state.Name) {
		p.replace("name")
	}
	before, after := p.state.RotateWhenChanged, p.plan.RotateWhenChanged
	if !before.IsNull() && !after.IsNull() && !before.Equal(after) {
		p.replace("rotate_when_changed")
	}
	p.changePrivileges(ctx)
	p.changeExpiration(ctx)
	p.rotate(ctx)
	if len(p.resp.RequiresReplace) > 0 {
		// What becomes of the old key is what its state says. The new one will be the caller's own.
		p.requireOwner(ctx, p.state.RevokeAfter)
	} else {
		p.requireOwner(ctx, p.plan.RevokeAfter)
	}
}

func (p *planner) changePrivileges(ctx context.Context) {
	if p.plan.Privileges.Equal(p.state.Privileges) {
		return
	}
	// A key without privileges is none of ours any more, see setPrivileges.
	if len(p.state.Privileges.Elements()) == 0 || !p.owned(ctx) {
		p.replace("privileges")
	}
}

// changeExpiration plans the end that expires_in asks for.
func (p *planner) changeExpiration(ctx context.Context) {
	before, after := p.state.ExpiresIn, p.plan.ExpiresIn
	switch {
	case after.IsUnknown():
		p.unknown(ctx, "expiration")
	case after.IsNull() && !before.IsNull() && !p.state.Expiration.IsNull():
		// An end cannot be taken away (contract E).
		p.replace("expires_in")
	case !after.IsNull() && p.state.endIsDue(after):
		cause := "expires_in"
		if after.Equal(before) {
			cause = "expiration" // Somebody has moved it.
		}
		p.unknown(ctx, "expiration")
		life, creation := p.plan.life(), p.state.creation()
		now, known := p.now(ctx)
		if over := known && !creation.Add(life).After(now); over || !p.owned(ctx) {
			p.replace(cause)
		}
	}
}

// rotate plans the replacement of a key that is old enough, and warns of one that ends soon.
func (p *planner) rotate(ctx context.Context) {
	creation, expiration := p.state.creation(), p.state.expiration()
	rotateAfter, rotates := knownDuration(p.plan.RotateAfter)
	if creation.IsZero() || len(p.resp.RequiresReplace) > 0 || (!rotates && expiration.IsZero()) {
		return
	}
	now, known := p.now(ctx)
	if !known {
		return
	}
	life, left := expiration.Sub(creation), expiration.Sub(now)
	switch {
	case rotates && !now.Before(creation.Add(rotateAfter)):
		becomes := "The plan replaces it."
		if p.removesGrace(ctx) {
			becomes = "This plan removes revoke_after, which could not be honoured; the next one replaces the key."
		} else {
			p.unknown(ctx, "creation")
			p.replace("creation")
		}
		p.resp.Diagnostics.AddWarning(about("APM agent key is due for rotation", p.state.ID.ValueString()),
			describe("The agent key %q with the id %s was created at %s, which is longer ago than rotate_after, %s. %s",
				p.state.Name.ValueString(), p.state.ID.ValueString(), p.state.Creation.ValueString(), p.plan.RotateAfter.ValueString(), becomes))
	case p.plan.RotateAfter.IsNull() && !expiration.IsZero() && !p.expirationMoves() && left < life/lifeLeftWarned:
		p.resp.Diagnostics.AddWarning(about("APM agent key expires soon", p.state.ID.ValueString()),
			describe("The agent key %q with the id %s expires at %s, and nothing replaces it before. "+
				"Set rotate_after, so that a plan before the end rotates it, or replace it now with -replace.",
				p.state.Name.ValueString(), p.state.ID.ValueString(), p.state.Expiration.ValueString()))
	}
}

// removesGrace reports whether the plan takes away a revoke_after that could not be honoured. What becomes of an old key is
// what its state says, so a replacement has to wait until it is gone from there.
func (p *planner) removesGrace(ctx context.Context) bool {
	return !p.state.RevokeAfter.IsNull() && p.plan.RevokeAfter.IsNull() && !p.owned(ctx)
}

// expirationMoves reports whether the plan changes the end of the key.
func (p *planner) expirationMoves() bool {
	return !p.plan.ExpiresIn.IsNull() && p.state.endIsDue(p.plan.ExpiresIn)
}

// now returns the server's time, if this is the time to decide on it. Terraform plans again while it applies, with the
// plan's state and without a refresh: what time has brought since must not change what the plan showed.
func (p *planner) now(ctx context.Context) (time.Time, bool) {
	id := p.state.ID.ValueString()
	if p.data.keys == nil || !p.data.refreshed.has(id) {
		return time.Time{}, false
	}
	now, err := p.data.keys.ServerNow(ctx, agentkey.Key{ID: id, Creation: p.state.creation()})
	if err != nil {
		addError(&p.resp.Diagnostics, "plan", p.state.Name.ValueString(), err)
		return time.Time{}, false
	}
	return now, true
}

// owned reports whether the key can be changed in place.
func (p *planner) owned(ctx context.Context) bool {
	if p.data.keys == nil {
		return true // Not known yet, and a change in place is what usually comes of it.
	}
	owned, err := p.data.keys.CanChange(ctx, p.state.ref())
	if err != nil {
		addError(&p.resp.Diagnostics, "plan", p.state.Name.ValueString(), err)
	}
	return owned
}

// requireOwner refuses revoke_after where it could not be honoured, now and not when it is too late.
func (p *planner) requireOwner(ctx context.Context, revokeAfter types.String) {
	if revokeAfter.IsNull() || p.data.keys == nil || p.resp.Diagnostics.HasError() || p.owned(ctx) || p.resp.Diagnostics.HasError() {
		return
	}
	p.resp.Diagnostics.AddAttributeError(path.Root("revoke_after"), "Unable to honour revoke_after",
		describe("Only the owner of a key can set its end, and not with an API key. The agent key %q belongs to %s (realm %s), and the kibana credentials are not that user's. "+
			"Use the owner's user name and password, or bearer token, in the kibana block. To have the key revoked at once instead, remove revoke_after and apply that first.",
			p.state.Name.ValueString(), p.state.Username.ValueString(), p.state.Realm.ValueString()))
}

func (p *planner) replace(attribute string) {
	p.resp.RequiresReplace.Append(path.Root(attribute))
}

func (p *planner) unknown(ctx context.Context, attribute string) {
	p.resp.Diagnostics.Append(p.resp.Plan.SetAttribute(ctx, path.Root(attribute), types.StringUnknown())...)
}

// checkRotation refuses a rotation that would come too late.
func checkRotation(model agentKeyModel, diags *diag.Diagnostics) {
	rotateAfter, rotates := knownDuration(model.RotateAfter)
	expiresIn, expires := knownDuration(model.ExpiresIn)
	if rotates && expires && rotateAfter >= expiresIn {
		diags.AddAttributeError(path.Root("rotate_after"), "Rotation after the end",
			fmt.Sprintf("rotate_after, %s, must be shorter than expires_in, %s: else the key has ended before it is rotated.",
				model.RotateAfter.ValueString(), model.ExpiresIn.ValueString()))
	}
}

// knownDuration returns the duration, and false where it is absent, unknown or malformed. The attribute's validator tells
// of the last.
func knownDuration(value types.String) (time.Duration, bool) {
	if value.IsNull() || value.IsUnknown() {
		return 0, false
	}
	duration, err := agentkey.ParseDuration(value.ValueString())
	return duration, err == nil
}
