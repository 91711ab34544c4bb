package provider

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

const derivedKeyAdvice = "Kibana would be asked with an Elasticsearch API key, and Elasticsearch lets no API key create a key that has privileges, whatever its own are. " +
	"Set username and password, or bearer_token, in the kibana block; the API key can stay in the elasticsearch block, where it reads and revokes. " +
	"On serverless, set an Elastic Cloud API key (essu_...) as api_key in the kibana block."

// service returns the service, or says why there is none.
func (d *providerData) service(diags *diag.Diagnostics) *agentkey.Service {
	switch {
	case d == nil:
		diags.AddError("Unconfigured provider", "The provider was asked to act before it was configured. This is a bug of the provider; please report it.")
	case d.keys == nil:
		diags.AddError("Provider configuration not known yet",
			fmt.Sprintf("To look at existing agent keys, Terraform needs %s now, but the value is known only after other changes are applied. "+
				"Apply those first, with -target, and then the rest.", strings.Join(d.unknown, ", ")))
	default:
		return d.keys
	}
	return nil
}

// addOptionError names the attribute of a TLS option that cannot be used.
func addOptionError(diags *diag.Diagnostics, block string, err error) {
	var option *transport.OptionError
	switch {
	case errors.As(err, &option):
		diags.AddAttributeError(path.Root(block).AtName(option.Option), "Invalid TLS settings", sentence(option.Err.Error()))
	case err != nil:
		diags.AddAttributeError(path.Root(block), "Invalid settings", sentence(err.Error()))
	}
}

// addError says what was attempted, what the server answered, and what to do next.
func addError(diags *diag.Diagnostics, verb, name string, err error) {
	var (
		undecided  *agentkey.UndecidedError
		hidden     *agentkey.HiddenError
		stillAlive *agentkey.StillAliveError
	)
	summary := "Unable to " + verb + " APM agent key"
	switch {
	case errors.As(err, &undecided):
		diags.AddError("APM agent key may or may not have been created", describeUndecided(undecided))
	case errors.As(err, &hidden):
		diags.AddError(summary, describeHidden(name, hidden))
	case errors.As(err, &stillAlive):
		diags.AddError(summary, describeStillAlive(name, stillAlive))
	default:
		diags.AddError(summary, fmt.Sprintf("The agent key %q: %s", name, explained(err)))
	}
}

// explained says what went wrong and, where that is known, what to do.
func explained(err error) string {
	var (
		failure *apierror.Error
		lacking *agentkey.LackingError
		past    *agentkey.PastEndError
	)
	text := sentence(err.Error())
	switch {
	case errors.As(err, &failure):
		return text + "\n\n" + advice(failure)
	case errors.As(err, &lacking):
		return text + "\n\nElasticsearch would accept the change and leave the key without them. Add the privileges to one of the owner's roles, and apply again."
	case errors.As(err, &past):
		return text + "\n\nSet a longer expires_in, or replace the key with -replace."
	}
	return text
}

// addCreatedUnread says that a key exists and is in the state, although it could not be read.
func addCreatedUnread(diags *diag.Diagnostics, created agentkey.Created, err error) {
	diags.AddWarning(about("APM agent key created, but not read", created.ID),
		fmt.Sprintf("The agent key %q was created with the id %s and is in the state, secret included. Its other attributes could not be read and are null until the next refresh: %s",
			created.Name, created.ID, explained(err)))
}

// addNamesakes names what a run that was killed may have left behind: nobody else would.
func addNamesakes(diags *diag.Diagnostics, key agentkey.Key, namesakes []agentkey.Key) {
	if len(namesakes) == 0 {
		return
	}
	diags.AddWarning(about("Other live APM agent keys of the same name", key.ID),
		fmt.Sprintf("Besides the new key %q with the id %s, %s has these, created within a day:\n%s\n"+
			"That is as it should be if one of them is being replaced with create_before_destroy, or belongs to another configuration. "+
			"If one is left from a run that was killed, its secret is lost: revoke it in Kibana under Applications, Settings, Agent keys.",
			key.Name, key.ID, key.Owner(), list(namesakes)))
}

// addCreatedUnending says that a key exists and is in the state, although it would live for ever.
func addCreatedUnending(diags *diag.Diagnostics, created agentkey.Created, err error) {
	diags.AddAttributeError(path.Root("expires_in"), "APM agent key created without its end",
		fmt.Sprintf("The agent key %q was created with the id %s and is in the state, but its end could not be set: %s\n\n"+
			"Terraform has marked the key as tainted, and nothing that depends on it was changed: the next apply replaces it.", created.Name, created.ID, explained(err)))
}

// addRetired says until when a key still works.
func addRetired(diags *diag.Diagnostics, state agentKeyModel, end time.Time) {
	if end.IsZero() {
		return
	}
	diags.AddWarning(about("APM agent key still works for a while", state.ID.ValueString()),
		fmt.Sprintf("The agent key %q with the id %s is not managed any more, and works until %s, as revoke_after asks. Elasticsearch ends it then. "+
			"To end it now, revoke it in Kibana under Applications, Settings, Agent keys.", state.Name.ValueString(), state.ID.ValueString(), timeValue(end).ValueString()))
}

// addDead says why a key leaves the state.
func addDead(diags *diag.Diagnostics, state agentKeyModel, reading agentkey.Reading) {
	what := "does not exist any more"
	switch reading.Condition {
	case agentkey.Revoked:
		what = "was revoked"
		if at := timeValue(reading.Key.Invalidation); !at.IsNull() {
			what += " at " + at.ValueString()
		}
	case agentkey.Expired:
		what = "expired at " + timeValue(reading.Key.Expiration).ValueString()
	case agentkey.Alive, agentkey.Missing:
	}
	diags.AddWarning(about("APM agent key is gone", state.ID.ValueString()),
		fmt.Sprintf("The agent key %q with the id %s %s, outside of this configuration. Whoever still uses it is refused. "+
			"It is dropped from the state, so that the plan creates a new one.", state.Name.ValueString(), state.ID.ValueString(), what))
}

// addDeviations says that a key is no agent key any more.
func addDeviations(diags *diag.Diagnostics, key agentkey.Key, deviations []string) {
	diags.AddWarning(about("Not an APM agent key any more", key.ID),
		fmt.Sprintf("The key %q with the id %s was changed outside of this configuration: %s. The plan replaces it. "+
			"To keep it as it is, remove it from the state with a removed block or terraform state rm.", key.Name, key.ID, strings.Join(deviations, "; ")))
}

func describeHidden(name string, err *agentkey.HiddenError) string {
	owner := "an unknown user"
	if err.Ref.Username != "" {
		owner = fmt.Sprintf("%s (realm %s)", err.Ref.Username, err.Ref.Realm)
	}
	return fmt.Sprintf("The agent key %q with the id %s was not found. That does not mean that it is gone: the elasticsearch credentials belong to %s, "+
		"who can see only keys of his own, and the key belongs to %s.\n\n"+
		"Use the owner's credentials, or credentials with the cluster privilege manage_api_key, in the elasticsearch block. The state is kept as it is.",
		name, err.Ref.ID, err.Identity, owner)
}

func describeStillAlive(name string, err *agentkey.StillAliveError) string {
	said := "Elasticsearch accepted the request, but the key is still alive."
	if err.Refusal != nil {
		said = sentence(strings.ReplaceAll(err.Refusal.Error(), "\n", ". "))
	}
	return fmt.Sprintf("The agent key %q with the id %s is still alive and stays in the state. %s\n\n"+
		"Use the credentials of the key's owner, or credentials with the cluster privilege manage_api_key, in the elasticsearch block. "+
		"An Elasticsearch API key needs manage_api_key even for keys of its own user.", name, err.ID, said)
}

func describeUndecided(err *agentkey.UndecidedError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The agent key %q was asked for, but no usable answer came: %s\n\n", err.Spec.Name, sentence(err.Cause.Error()))
	switch {
	case err.SearchFailure != nil:
		fmt.Fprintf(&b, "Whether the key exists could not be found out: %s\n\nLook in Kibana under Applications, Settings, Agent keys for a key named %q that was created since %s, "+
			"and revoke it: its secret is lost. Then apply again.", sentence(err.SearchFailure.Error()), err.Spec.Name, timeValue(err.Since).ValueString())
	case len(err.Candidates) == 0:
		fmt.Fprintf(&b, "Elasticsearch has no such key of %s created since, so most likely nothing arrived. Apply again.", err.Creator)
	default:
		fmt.Fprintf(&b, "Elasticsearch has these live keys of %s that were created since, and are in no state that this run has seen:\n", err.Creator)
		b.WriteString(list(err.Candidates) + "\nUnless another run has made it, such a key has no user, and its secret is lost: revoke it in Kibana under Applications, Settings, Agent keys, " +
			"or with DELETE /_security/api_key. If you know its secret, import it instead. Then apply again.")
	}
	return b.String()
}

// about ends the summary of a warning with the key's id. Terraform shows but the first of the warnings whose summaries are
// the same, and each names something that nobody else would.
func about(summary, id string) string { return summary + ": " + id }

// list names keys, a line each.
func list(keys []agentkey.Key) string {
	var b strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&b, "  - id %s, created %s\n", key.ID, timeValue(key.Creation).ValueString())
	}
	return b.String()
}

// advice says what to do about a failed request.
func advice(failure *apierror.Error) string {
	kibana := failure.Product == "Kibana"
	block, endpoint := "elasticsearch", "endpoints"
	if kibana {
		block, endpoint = "kibana", "endpoint"
	}
	switch failure.Kind {
	case apierror.ErrUnauthorized:
		return fmt.Sprintf("Check the credentials in the %s block, or those of the other block if it has none, and the environment variables: "+
			"the user name, the password or token, and whether it has expired or been revoked.", block)
	case apierror.ErrDerivedKey:
		return derivedKeyAdvice
	case apierror.ErrForbidden:
		return forbiddenAdvice(failure, kibana)
	case apierror.ErrNotFound:
		if kibana {
			return "Kibana knows no such route. Check that space_id names an existing space, that endpoint includes the base path if Kibana has one, " +
				"that Kibana is 8.0 or newer, and that APM is enabled in it (on serverless: an Observability project)."
		}
		return "Elasticsearch knows no such route or key. Check endpoints."
	case apierror.ErrWrongProduct, apierror.ErrRedirect:
		return fmt.Sprintf("Check %s in the %s block: it must be the address of %s itself, not of another product, a login page or a proxy's front page.", endpoint, block, failure.Product)
	case apierror.ErrUnreachable:
		return fmt.Sprintf("Check %s in the %s block (host, port, and http or https), and that it can be reached from where Terraform runs.", endpoint, block)
	case apierror.ErrTLS:
		return fmt.Sprintf("If the certificate is of a private authority, set ca_file, ca_data or ca_fingerprint in the %s block. "+
			"If the server speaks plain http, or the certificate is for another host, correct %s.", block, endpoint)
	case apierror.ErrRateLimited, apierror.ErrUnavailable, apierror.ErrNotReady, apierror.ErrDisconnected:
		return fmt.Sprintf("This may pass: apply again later, and look at %s's health and at the proxies before it if it does not.", failure.Product)
	case apierror.ErrTimeout:
		return "This may pass: apply again. For a slow server or network, raise request_timeout of the provider."
	case apierror.ErrInterrupted:
		return "The run was interrupted. Apply again."
	case apierror.ErrBadRequest, apierror.ErrServer:
		if kibana {
			return "Kibana passes on here what Elasticsearch refused. Check that API keys are enabled in Elasticsearch, and see the logs of Kibana and Elasticsearch."
		}
	}
	return fmt.Sprintf("Check %s in the %s block, the proxies before it, and the logs of %s.", endpoint, block, failure.Product)
}

// forbiddenAdvice tells Kibana's two refusals apart (contract A1, trap 16).
func forbiddenAdvice(failure *apierror.Error, kibana bool) string {
	if !kibana {
		return "Give the user the cluster privilege manage_own_api_key for keys of its own, or manage_api_key for those of others. " +
			"An Elasticsearch API key needs manage_api_key."
	}
	var missing []string
	if len(failure.MissingPrivileges) > 0 {
		missing = append(missing, "on the application \"apm\", resources \"*\", the privileges "+strings.Join(failure.MissingPrivileges, ", "))
	}
	if len(failure.MissingClusterPrivileges) > 0 {
		missing = append(missing, "the cluster privileges "+strings.Join(failure.MissingClusterPrivileges, ", "))
	}
	if len(missing) > 0 {
		return "The user lacks Elasticsearch privileges. Add to one of its roles: " + strings.Join(missing, "; and ") + "."
	}
	if strings.Contains(failure.Reason, "requested privilege") || strings.Contains(failure.Reason, "security_exception") {
		return "The user lacks Elasticsearch privileges. Give one of its roles the cluster privilege manage_own_api_key, and on the application \"apm\", resources \"*\", " +
			"the privileges that the key is to have."
	}
	return "The user lacks a Kibana privilege in this space. Give one of its roles the Kibana feature \"APM and User Experience\" with All in the space of space_id " +
		"(feature_apm.all; with customized sub-features also settings_save)."
}

// sentence ends a text with a full stop and begins it with a capital, so that it can stand alone.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
