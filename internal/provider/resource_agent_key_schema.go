package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
)

// Schema implements resource.Resource. What forces a replacement is decided in ModifyPlan, since most of it depends on
// more than one attribute.
func (r *agentKeyResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An APM agent key: an API key with which an APM agent or an EDOT/OpenTelemetry SDK sends its data, and can do nothing else.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name of the key: 1 to 256 characters, without a leading underscore and without blanks at its edges. Names need not be unique. " +
					"Changing it replaces the key.",
				Validators: []validator.String{nameValidator()},
			},
			"privileges": schema.SetAttribute{
				ElementType: types.StringType,
				Required:    true,
				MarkdownDescription: "What the key allows: `event:write` to send traces, metrics, logs and errors; `config_agent:read` to fetch the agent's central configuration. " +
					"At least one of them. Changing them changes the key in place, secret kept, when the `kibana` credentials are those of the key's owner, and replaces it otherwise.",
				Validators: []validator.Set{
					setvalidator.SizeAtLeast(1),
					setvalidator.ValueStringsAre(stringvalidator.OneOf(agentkey.Privileges()...)),
				},
			},
			"expires_in": durationAttribute("How long the key lives, counted from its creation. Elasticsearch ends it then, whatever happens to Terraform. " +
				"Changing it moves the end in place, or replaces the key where the new end is over; removing it replaces the key. Without it the key never expires."),
			"rotate_after": durationAttribute("Age at which the key is due for rotation, counted from its creation: the first plan that is made after that replaces it. " +
				"Must be shorter than `expires_in`."),
			"rotate_when_changed": schema.MapAttribute{
				ElementType: types.StringType,
				Optional:    true,
				MarkdownDescription: "Arbitrary strings, any change of which replaces the key, such as the version of a release. " +
					"Adding the map to a key, or taking it away, does not.",
			},
			"revoke_after": durationAttribute("How long the old key lives on when it is replaced or destroyed, or until its own end if that comes first. " +
				"Elasticsearch holds the end. Without it the key is revoked at once. Takes effect once it is applied, so set it before the replacement that it is for."),
			"id":         computedAttribute(true, "Id of the key."),
			"api_key":    computedAttribute(true, "The secret of the key. Null after an import by id, since it cannot be read back."),
			"encoded":    computedAttribute(true, "What agents send: base64 of `id:api_key`, to be used as `Authorization: ApiKey <encoded>`. Null after an import by id."),
			"creation":   computedAttribute(false, "When the key was created, RFC 3339."),
			"expiration": computedAttribute(false, "When the key expires, RFC 3339. Null if never."),
			"username":   computedAttribute(false, "User who owns the key."),
			"realm":      computedAttribute(false, "Realm of the user who owns the key."),
		},
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.Block(ctx, timeouts.Opts{
				Create: true, Read: true, Update: true, Delete: true,
				CreateDescription: "How long creating the key may take in all, such as `5m`, the default. A request that is under way is not cut.",
				ReadDescription:   "How long reading the key may take in all, such as `2m`, the default.",
				UpdateDescription: "How long changing the key may take in all, such as `5m`, the default.",
				DeleteDescription: "How long revoking the key may take in all, such as `5m`, the default.",
			}),
		},
	}
}

func durationAttribute(description string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		MarkdownDescription: description + " A whole number with a unit of `d`, `h`, `m` or `s`, such as `90d`.",
		Validators:          []validator.String{durationValidator()},
	}
}

func computedAttribute(sensitive bool, description string) schema.StringAttribute {
	return schema.StringAttribute{
		Computed: true, Sensitive: sensitive, MarkdownDescription: description,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}
