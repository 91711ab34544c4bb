package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/secret"
)

// ImportState implements resource.ResourceWithImportState. The import id is the key's id, or its encoded form, which keeps
// the secret.
func (r *agentKeyResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	keys := r.data.service(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, defaultReadTimeout)
	defer cancel()

	imported, err := keys.Import(ctx, secret.New(req.ID))
	var unfit *agentkey.UnfitError
	var hidden *agentkey.HiddenError
	switch {
	case errors.As(err, &unfit):
		resp.Diagnostics.AddError("Unable to import APM agent key", sentence(unfit.Error())+
			" Only a live key that was created as an APM agent key can be imported, by its id or by its encoded form, base64 of id:api_key.")
		return
	case errors.As(err, &hidden):
		resp.Diagnostics.AddError("Unable to import APM agent key", describe("The key %s was not found among the keys that %s can see. "+
			"It does not exist, or it belongs to somebody else: then use the owner's credentials, or credentials with the cluster privilege manage_api_key, in the elasticsearch block.",
			hidden.Ref.ID, hidden.Identity))
		return
	case err != nil:
		resp.Diagnostics.AddError("Unable to import APM agent key", remedied(err))
		return
	}

	set := func(name string, value any) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	set("id", imported.Key.ID)
	set("name", imported.Key.Name)
	set("api_key", secretValue(imported.APIKey))
	set("encoded", secretValue(imported.Encoded))
	if imported.Encoded.IsZero() {
		resp.Diagnostics.AddWarning("Secret of the imported key is unknown",
			describe("The key %q was imported by its id. Its secret cannot be read back, so api_key and encoded stay null: whatever takes them from this resource gets nothing, "+
				"and a template such as \"ApiKey ${...}\" fails. To have them, import by the encoded form, base64 of id:api_key, or replace the key with -replace, in the same run if need be.",
				imported.Key.Name))
	}
}
