package provider

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
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

// addOptionError names the attribute of a TLS option that cannot be used, and the environment variable that it is from, if
// it is.
func addOptionError(diags *diag.Diagnostics, block string, variables map[string]string, err error) {
	var option *transport.OptionError
	switch {
	case errors.As(err, &option):
		from := ""
		if variable := variables[option.Option]; variable != "" {
			from = "The environment variable " + variable + " sets " + option.Option + ". "
		}
		diags.AddAttributeError(path.Root(block).AtName(option.Option), "Invalid TLS settings", from+sentence(option.Err.Error()))
	case err != nil:
		diags.AddAttributeError(path.Root(block), "Invalid settings", sentence(err.Error()))
	}
}

// addError says what was attempted, what the server answered, and what to do next.
func addError(diags *diag.Diagnostics, verb, name string, err error) {
	if undecided, ok := errors.AsType[*agentkey.UndecidedError](err); ok {
		diags.AddError("APM agent key may or may not have been created", explainUndecided(undecided))
		return
	}
	diags.AddError("Unable to "+verb+" APM agent key", explain(name, err))
}

// addUnretired says that a key that should have lived on for a while is managed still.
func addUnretired(diags *diag.Diagnostics, state agentKeyModel, err error) {
	diags.AddError("Unable to retire APM agent key", explain(state.Name.ValueString(), err)+
		"\n\nThe key stays in the state. To have it revoked at once instead, remove revoke_after and apply that first.")
}

// addCreatedUnread says that a key exists and is in the state, although it could not be read.
func addCreatedUnread(diags *diag.Diagnostics, created agentkey.Created, err error) {
	summary, reason := about("APM agent key created, but not read", created.ID), text(explain(created.Name, err))
	if _, strange := errors.AsType[*agentkey.StrangeError](err); strange {
		diags.AddError(summary, describe("The agent key %q was created with the id %s and is in the state, secret included.\n\n%s\n\n"+
			"Terraform has marked the key as tainted, and nothing that depends on it was changed: the next apply replaces it.", created.Name, created.ID, reason))
		return
	}
	diags.AddWarning(summary, describe("The agent key %q was created with the id %s and is in the state, secret included. "+
		"Its other attributes could not be read and are null until a refresh can; a failure that lasts must be put right first.\n\n%s", created.Name, created.ID, reason))
}

// addNamesakes names what a run that was killed may have left behind: nobody else would.
func addNamesakes(diags *diag.Diagnostics, key agentkey.Key, namesakes []agentkey.Key) {
	if len(namesakes) == 0 {
		return
	}
	diags.AddWarning(about("Other live APM agent keys of the same name", key.ID),
		describe("Besides the new key %q with the id %s, %s has these, created within a day:\n%s\n"+
			"If this run replaces a key with create_before_destroy, that one is listed too, and there is nothing to do. The same goes for a key of another configuration. "+
			"If one is left from a run that was killed, its secret is lost: revoke it in Kibana under Applications, Settings, Agent keys.",
			key.Name, key.ID, key.Owner(), list(namesakes)))
}

// addCreatedUnending says that a key exists and is in the state, although it would live for ever.
func addCreatedUnending(diags *diag.Diagnostics, created agentkey.Created, err error) {
	diags.AddAttributeError(path.Root("expires_in"), about("APM agent key created without its end", created.ID),
		describe("The agent key %q was created with the id %s and is in the state, but its end could not be set.\n\n%s\n\n"+
			"Terraform has marked the key as tainted, and nothing that depends on it was changed: the next apply replaces it.",
			created.Name, created.ID, text(explain(created.Name, err))))
}

// addRetired says until when a key still works.
func addRetired(diags *diag.Diagnostics, state agentKeyModel, end time.Time) {
	if end.IsZero() {
		return
	}
	diags.AddWarning(about("APM agent key still works for a while", state.ID.ValueString()),
		describe("The agent key %q with the id %s is not managed any more, and works until %s, as revoke_after asks. Elasticsearch ends it then. "+
			"To end it now, revoke it in Kibana under Applications, Settings, Agent keys.", state.Name.ValueString(), state.ID.ValueString(), timeValue(end).ValueString()))
}

// addDead says why a key leaves the state.
func addDead(diags *diag.Diagnostics, state agentKeyModel, reading agentkey.Reading) {
	const outside = ", outside of this configuration"
	what := "does not exist any more" + outside
	switch reading.Condition {
	case agentkey.Revoked:
		what = "was revoked" + outside
		if at := timeValue(reading.Key.Invalidation); !at.IsNull() {
			what = "was revoked at " + at.ValueString() + outside
		}
	case agentkey.Expired:
		what = "expired at " + timeValue(reading.Key.Expiration).ValueString()
		switch {
		case state.ExpiresIn.IsNull():
			what += outside
		case state.RotateAfter.IsNull():
			what += ", as expires_in asks; rotate_after has a plan replace it before"
		default:
			what += ", as expires_in asks, and no plan was applied between rotate_after and then"
		}
	case agentkey.Alive, agentkey.Missing:
	}
	diags.AddWarning(about("APM agent key is gone", state.ID.ValueString()),
		describe("The agent key %q with the id %s %s. Whoever still uses it is refused. "+
			"It is dropped from the state, so that the plan creates a new one.", state.Name.ValueString(), state.ID.ValueString(), what))
}

// addDeviations says that a key is no agent key any more.
func addDeviations(diags *diag.Diagnostics, key agentkey.Key, deviations []string) {
	diags.AddWarning(about("Not an APM agent key any more", key.ID),
		describe("The key %q with the id %s was changed outside of this configuration: %s. The plan replaces it. "+
			"To keep it as it is, remove it from the state with a removed block or terraform state rm.", key.Name, key.ID, strings.Join(deviations, "; ")))
}

// about ends the summary of a warning with the key's id. Terraform shows but the first of the warnings whose summaries are
// the same, and each names something that nobody else would.
func about(summary, id string) string { return summary + ": " + transport.Clean(id) }

// list names keys, a line each.
func list(keys []agentkey.Key) text {
	var b strings.Builder
	for _, key := range keys {
		b.WriteString(describe("  - id %s, created %s\n", key.ID, timeValue(key.Creation).ValueString()))
	}
	return text(b.String())
}

// text is several lines that were made by describe; what else goes into a message is one.
type text string

// describe is fmt.Sprintf for messages with values of servers, which must not forge terminal output.
func describe(format string, args ...any) string {
	for i, arg := range args {
		if made, ok := arg.(text); ok {
			args[i] = string(made)
		} else {
			args[i] = transport.Clean(fmt.Sprint(arg))
		}
	}
	return fmt.Sprintf(format, args...)
}

// sentence ends a text with a full stop and begins it with a capital, so that it can stand alone, in one line.
func sentence(line string) string {
	line = transport.Clean(line)
	if line == "" {
		return ""
	}
	line = strings.ToUpper(line[:1]) + line[1:]
	if !strings.ContainsAny(line[len(line)-1:], ".!?") {
		line += "."
	}
	return line
}
