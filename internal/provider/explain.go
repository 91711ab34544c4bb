package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/apierror"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// explain says what went wrong with the key of that name and, where that is known, what to do.
func explain(name string, err error) string {
	var (
		hidden      *agentkey.HiddenError
		strange     *agentkey.StrangeError
		stillAlive  *agentkey.StillAliveError
		unconfirmed *agentkey.UnconfirmedError
	)
	switch {
	case errors.As(err, &hidden):
		return explainHidden(name, hidden)
	case errors.As(err, &strange):
		return describe("The agent key %q with the id %s is not in Elasticsearch, all of whose keys these credentials see, and never was seen there: "+
			"Kibana and Elasticsearch may be of different deployments. Then the key is alive in the other one.\n\n"+
			"Check that endpoint in the kibana block and endpoints in the elasticsearch block belong together, and apply again. The state is kept as it is. "+
			"If they do, and somebody has deleted the key, drop it with terraform state rm.", name, strange.ID)
	case errors.As(err, &stillAlive):
		return explainStillAlive(name, stillAlive)
	case errors.As(err, &unconfirmed):
		return describe("The agent key %q with the id %s ends %s from now: Elasticsearch has accepted that, but it could not be seen there.\n\n%s",
			name, unconfirmed.ID, unconfirmed.Grace, text(remedied(unconfirmed.Err)))
	}
	return describe("The agent key %q: %s", name, text(remedied(err)))
}

// remedied is the error and what to do about it.
func remedied(err error) string {
	var (
		failure *apierror.Error
		lacking *agentkey.LackingError
		past    *agentkey.PastEndError
		dead    *agentkey.DeadError
	)
	remedy := ""
	switch {
	case errors.As(err, &failure):
		remedy = advice(failure)
	case errors.As(err, &lacking):
		remedy = "Elasticsearch would accept the change and leave the key without them. Add the privileges to one of the owner's roles, and apply again."
	case errors.As(err, &past):
		remedy = "Set a longer expires_in, or replace the key with -replace."
	case errors.As(err, &dead):
		remedy = "It has died since the plan was made. Plan again: the new plan replaces it."
	case errors.Is(err, context.DeadlineExceeded):
		remedy = "This may pass: apply again. For a slow server, raise the timeouts of the resource."
	}
	return strings.TrimSpace(sentence(err.Error()) + "\n\n" + remedy)
}

func explainHidden(name string, err *agentkey.HiddenError) string {
	owner := "the user of the kibana credentials"
	if err.Ref.Username != "" {
		owner = fmt.Sprintf("%s (realm %s)", err.Ref.Username, err.Ref.Realm)
	}
	return describe("The agent key %q with the id %s was not found. That does not mean that it is gone: the elasticsearch credentials belong to %s, "+
		"who can see no keys but its own, and the key belongs to %s.\n\n"+
		"Use the owner's credentials, or credentials with the cluster privilege manage_api_key, in the elasticsearch block, "+
		"and make sure that both blocks name the same deployment. The state is kept as it is.",
		name, err.Ref.ID, err.Identity, owner)
}

func explainStillAlive(name string, err *agentkey.StillAliveError) string {
	said := "Elasticsearch accepted the request, but the key is still alive."
	if err.Refusal != nil {
		said = sentence(err.Refusal.Error())
	}
	return describe("The agent key %q with the id %s is still alive and stays in the state. %s\n\n"+
		"Use the credentials of the key's owner, or credentials with the cluster privilege manage_api_key, in the elasticsearch block. "+
		"An Elasticsearch API key needs manage_api_key even for keys of its own user.", name, err.ID, said)
}

func explainUndecided(err *agentkey.UndecidedError) string {
	found := text(describe("Elasticsearch has no such key of %s created since, so most likely nothing arrived.", err.Creator))
	switch {
	case err.SearchFailure != nil:
		found = text(describe("Whether the key exists could not be found out: %s\n\nLook in Kibana under Applications, Settings, Agent keys for a key named %q that was created since %s, "+
			"and revoke it: its secret is lost. Then apply again.", sentence(err.SearchFailure.Error()), err.Spec.Name, timeValue(err.Since).ValueString()))
	case len(err.Candidates) > 0:
		found = text(describe("Elasticsearch has these live keys of %s, created since or at most a few seconds before, and not by this run:\n%s\n"+
			"Unless another run has made it, such a key has no user, and its secret is lost: revoke it in Kibana under Applications, Settings, Agent keys, "+
			"or with DELETE /_security/api_key. If you know its secret, import it instead. Then apply again.", err.Creator, list(err.Candidates)))
	case errors.Is(err.Cause, apierror.ErrTimeout):
		found += " Should Kibana finish it later after all, the next apply that creates a key of this name warns of it."
	}
	return describe("The agent key %q was asked for, but no usable answer came: %s\n\n%s\n\n%s",
		err.Spec.Name, sentence(err.Cause.Error()), found, text(advice(err.Cause)))
}

// advice says what to do about a failed request.
func advice(failure *apierror.Error) string {
	kibana := failure.Product == "Kibana"
	block, endpoint, variable := "elasticsearch", "endpoints", envElasticsearchEndpoints
	if kibana {
		block, endpoint, variable = "kibana", "endpoint", envKibanaEndpoint
	}
	where := fmt.Sprintf("%s in the %s block, or %s", endpoint, block, variable)
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
			return "Check that space_id names an existing space, that endpoint includes the base path if Kibana has one, " +
				"that Kibana is 8.0 or newer, and that APM is enabled in it (on serverless: an Observability project)."
		}
		if failure.Type == "resource_not_found_exception" {
			return "Only the owner of a key can change it, whoever else may revoke it: use the owner's credentials in the kibana block."
		}
		return "Elasticsearch knows no such route. Check " + where + "."
	case apierror.ErrWrongProduct, apierror.ErrRedirect:
		advice := fmt.Sprintf("Check %s: it must be the address of %s itself, not of another product, a login page or a proxy's front page.", where, failure.Product)
		// So proxies answer who speaks plain HTTP to their port for https.
		if failure.Status == 400 && strings.HasPrefix(failure.Reason, "not an answer of") {
			advice += httpsAdvice(failure, where)
		}
		return advice
	case apierror.ErrUnreachable:
		return fmt.Sprintf("Check %s (host, port, and http or https), and that it can be reached from where Terraform runs.", where)
	case apierror.ErrTLS:
		return tlsAdvice(failure, block, where)
	case apierror.ErrDisconnected, apierror.ErrRateLimited, apierror.ErrUnavailable, apierror.ErrNotReady:
		advice := fmt.Sprintf("This may pass: apply again later, and look at %s's health and at the proxies before it if it does not.", failure.Product)
		if errors.Is(failure, apierror.ErrDisconnected) {
			advice += httpsAdvice(failure, where)
		}
		return advice
	case apierror.ErrTimeout:
		return "This may pass: apply again. For a slow server or network, raise request_timeout of the provider, and the timeouts of the resource if it has any."
	case apierror.ErrInterrupted:
		return "The run was interrupted. Apply again."
	case apierror.ErrBadRequest, apierror.ErrServer:
		if kibana {
			return "Kibana passes on here what Elasticsearch refused. Check that API keys are enabled in Elasticsearch, and see the logs of Kibana and Elasticsearch."
		}
	}
	return fmt.Sprintf("Check %s, the proxies before it, and the logs of %s.", where, failure.Product)
}

// httpsAdvice is for what a server that speaks https does to a request over plain HTTP.
func httpsAdvice(failure *apierror.Error, where string) string {
	if !strings.HasPrefix(failure.URL, "http://") {
		return ""
	}
	return fmt.Sprintf(" If the server speaks https, write https:// in %s.", where)
}

// tlsAdvice goes by what is wrong with the server's certificate.
func tlsAdvice(failure *apierror.Error, block, where string) string {
	var (
		record tls.RecordHeaderError
		host   x509.HostnameError
	)
	switch {
	case errors.As(failure, &record):
		return fmt.Sprintf("Check the port and the http or https of %s.", where)
	case errors.As(failure, &host):
		return fmt.Sprintf("The certificate is for another host: correct %s.", where)
	case errors.Is(failure, transport.ErrFingerprint):
		return fmt.Sprintf("Compare ca_fingerprint of the %s block with the SHA-256 fingerprint of the authority's certificate. "+
			"If the server sends its own certificate alone, give that one's fingerprint, or the authority by ca_file or ca_data.", block)
	}
	return fmt.Sprintf("If the certificate is of a private authority, set ca_file, ca_data or ca_fingerprint in the %s block.", block)
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
	return "The user lacks a Kibana privilege in this space. Give one of its roles the Kibana feature \"APM and User Experience\" with All, in the space that space_id names, " +
		"or the default one (feature_apm.all; with customized sub-features also settings_save)."
}
