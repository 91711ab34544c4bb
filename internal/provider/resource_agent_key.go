package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// How long an operation may take in all, with its repetitions, unless the user says otherwise.
const (
	defaultCreateTimeout = 5 * time.Minute
	defaultReadTimeout   = 2 * time.Minute
	defaultUpdateTimeout = 5 * time.Minute
	defaultDeleteTimeout = 5 * time.Minute
	// finishTimeout bounds what is left to do once a key is created and in the state.
	finishTimeout = time.Minute
)

type agentKeyResource struct {
	data *providerData
}

var (
	_ resource.Resource                   = (*agentKeyResource)(nil)
	_ resource.ResourceWithConfigure      = (*agentKeyResource)(nil)
	_ resource.ResourceWithValidateConfig = (*agentKeyResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*agentKeyResource)(nil)
	_ resource.ResourceWithImportState    = (*agentKeyResource)(nil)
)

func newAgentKeyResource() resource.Resource { return &agentKeyResource{} }

// Metadata implements resource.Resource.
func (r *agentKeyResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_agent_key"
}

// Configure implements resource.ResourceWithConfigure.
func (r *agentKeyResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = assertProviderData(req.ProviderData, &resp.Diagnostics)
}

// Create implements resource.Resource.
func (r *agentKeyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan agentKeyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultCreateTimeout)
	resp.Diagnostics.Append(diags...)
	spec, diags := plan.spec(ctx)
	resp.Diagnostics.Append(diags...)
	keys := r.data.service(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	created, err := keys.Create(ctx, spec)
	if err != nil {
		addError(&resp.Diagnostics, "create", spec.Name, err)
		return
	}
	// The answer is the only copy of the secret, so it goes to the state before anything else can fail.
	plan.setCreated(created)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)

	// What belongs to the creation is finished even if the run is interrupted meanwhile.
	ctx = tflog.SetField(context.WithoutCancel(ctx), "key_id", created.ID)
	ctx, cancel = context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	if life := plan.life(); life > 0 {
		if err := keys.ExpireCreated(ctx, created, life); err != nil {
			addCreatedUnending(&resp.Diagnostics, created, err)
		}
	}
	key, namesakes, err := keys.Describe(ctx, created, plan.life())
	if err != nil {
		addCreatedUnread(&resp.Diagnostics, created, err)
		return
	}
	plan.setFacts(key)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	addNamesakes(&resp.Diagnostics, key, namesakes)
}

// Read implements resource.Resource. A dead key leaves the state, so that the plan shows its replacement.
func (r *agentKeyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state agentKeyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, defaultReadTimeout)
	resp.Diagnostics.Append(diags...)
	keys := r.data.service(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(tflog.SetField(ctx, "key_id", state.ID.ValueString()), timeout)
	defer cancel()

	reading, err := keys.Refresh(ctx, state.ref())
	if err != nil {
		addError(&resp.Diagnostics, "read", state.Name.ValueString(), err)
		return
	}
	r.data.refreshed.add(state.ID.ValueString())
	if reading.Condition != agentkey.Alive {
		addDead(&resp.Diagnostics, state, reading)
		resp.State.RemoveResource(ctx)
		return
	}
	state.setFacts(reading.Key)
	resp.Diagnostics.Append(state.setPrivileges(ctx, reading.Key)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource.
func (r *agentKeyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var state, plan agentKeyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	spec, diags := plan.spec(ctx)
	resp.Diagnostics.Append(diags...)
	keys := r.data.service(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(tflog.SetField(ctx, "key_id", state.ID.ValueString()), timeout)
	defer cancel()

	var change agentkey.Change
	if !plan.Privileges.Equal(state.Privileges) {
		change.Privileges = spec.Privileges
	}
	if !plan.ExpiresIn.IsNull() && state.endIsDue(plan.ExpiresIn) {
		change.Life = plan.life()
	}
	if change.Life == 0 && len(change.Privileges) == 0 {
		plan.Expiration = state.Expiration
		resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
		return
	}
	key, err := keys.Change(ctx, state.ref(), change)
	if err != nil {
		addError(&resp.Diagnostics, "change", state.Name.ValueString(), err)
		return
	}
	plan.setFacts(key)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Delete implements resource.Resource. The key leaves the state only when it is dead.
func (r *agentKeyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state agentKeyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	keys := r.data.service(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(tflog.SetField(ctx, "key_id", state.ID.ValueString()), timeout)
	defer cancel()

	grace, graceful := knownDuration(state.RevokeAfter)
	// A key whose end could not be set was tainted and handed to nobody, and the server may refuse a grace as well.
	unfinished := !state.ExpiresIn.IsNull() && !state.Creation.IsNull() && state.Expiration.IsNull()
	if !graceful || unfinished {
		if err := keys.Revoke(ctx, state.ref()); err != nil {
			addError(&resp.Diagnostics, "revoke", state.Name.ValueString(), err)
		}
		return
	}
	end, err := keys.Retire(ctx, state.ref(), grace)
	if err != nil {
		addUnretired(&resp.Diagnostics, state, err)
		return
	}
	addRetired(&resp.Diagnostics, state, end)
}

// assertProviderData is the one place that knows what Configure passed on. Terraform asks for schemas before it configures
// the provider, so nil is no error.
func assertProviderData(value any, diags *diag.Diagnostics) *providerData {
	if value == nil {
		return nil
	}
	data, ok := value.(*providerData)
	if !ok {
		diags.AddError("Unexpected provider data", "A *provider.providerData was expected. This is a bug of the provider; please report it.")
	}
	return data
}
