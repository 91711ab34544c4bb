package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// How long an operation may take in all, with its repetitions, unless the user says otherwise.
const (
	defaultCreateTimeout = 5 * time.Minute
	defaultReadTimeout   = 2 * time.Minute
	defaultDeleteTimeout = 5 * time.Minute
)

type agentKeyResource struct {
	data *providerData
}

var (
	_ resource.Resource                = (*agentKeyResource)(nil)
	_ resource.ResourceWithConfigure   = (*agentKeyResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*agentKeyResource)(nil)
	_ resource.ResourceWithImportState = (*agentKeyResource)(nil)
)

func newAgentKeyResource() resource.Resource { return &agentKeyResource{} }

// Metadata implements resource.Resource.
func (r *agentKeyResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_agent_key"
}

// Schema implements resource.Resource.
func (r *agentKeyResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	computed := func(sensitive bool, description string) schema.StringAttribute {
		return schema.StringAttribute{
			Computed: true, Sensitive: sensitive, MarkdownDescription: description,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "An APM agent key: an API key with which an APM agent or an EDOT/OpenTelemetry SDK sends its data, and can do nothing else.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name of the key: 1 to 256 characters, without a leading underscore and without blanks at its edges. Names need not be unique. " +
					"Changing it replaces the key.",
				Validators:    []validator.String{nameValidator{}},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"privileges": schema.SetAttribute{
				ElementType: types.StringType,
				Required:    true,
				MarkdownDescription: "What the key allows: `event:write` to send traces, metrics, logs and errors; `config_agent:read` to fetch the agent's central configuration. " +
					"At least one of them. Changing them replaces the key.",
				Validators: []validator.Set{
					setvalidator.SizeAtLeast(1),
					setvalidator.ValueStringsAre(stringvalidator.OneOf(agentkey.Privileges()...)),
				},
				PlanModifiers: []planmodifier.Set{setplanmodifier.RequiresReplace()},
			},
			"id":         computed(true, "Id of the key."),
			"api_key":    computed(true, "The secret of the key. Null after an import by id, since it cannot be read back."),
			"encoded":    computed(true, "What agents send: base64 of `id:api_key`, to be used as `Authorization: ApiKey <encoded>`. Null after an import by id."),
			"creation":   computed(false, "When the key was created, RFC 3339."),
			"expiration": computed(false, "When the key expires, RFC 3339. Null if never."),
			"username":   computed(false, "User who owns the key."),
			"realm":      computed(false, "Realm of the user who owns the key."),
		},
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.Block(ctx, timeouts.Opts{
				Create: true, Read: true, Delete: true,
				CreateDescription: "How long creating the key may take in all, such as `5m`, the default. A request that is under way is not cut.",
				ReadDescription:   "How long reading the key may take in all, such as `2m`, the default.",
				DeleteDescription: "How long revoking the key may take in all, such as `5m`, the default.",
			}),
		},
	}
}

// Configure implements resource.ResourceWithConfigure.
func (r *agentKeyResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = assertProviderData(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan implements resource.ResourceWithModifyPlan. It refuses a key that could never be created while nothing has
// happened yet. Replacing a key plans a creation too.
func (r *agentKeyResource) ModifyPlan(_ context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data != nil && req.State.Raw.IsNull() && r.data.creator.IsElasticsearchAPIKey() {
		resp.Diagnostics.AddError("Unable to create APM agent keys with an API key", derivedKeyAdvice)
	}
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

	reading, err := keys.Read(ctx, agentkey.Ref{ID: created.ID})
	if err != nil || reading.Condition == agentkey.Missing {
		addCreatedUnread(&resp.Diagnostics, created, err)
		return
	}
	plan.setFacts(reading.Key)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
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

	reading, err := keys.Read(ctx, state.ref())
	if err != nil {
		addError(&resp.Diagnostics, "read", state.Name.ValueString(), err)
		return
	}
	if reading.Condition != agentkey.Alive {
		addDead(&resp.Diagnostics, state, reading)
		resp.State.RemoveResource(ctx)
		return
	}
	state.setFacts(reading.Key)
	resp.Diagnostics.Append(state.setPrivileges(ctx, reading.Key)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource. Only timeouts change without a replacement.
func (r *agentKeyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
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

	if err := keys.Revoke(ctx, state.ref()); err != nil {
		addError(&resp.Diagnostics, "revoke", state.Name.ValueString(), err)
	}
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
