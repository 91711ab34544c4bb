package provider

import (
	"net"
	"net/url"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/secret"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// credential returns the credential of one side, which must be of one kind. As soon as the configuration holds any part
// of a credential, the environment can only complete a user name with its password or the reverse: a leftover variable
// never changes who is asking.
func (r *resolver) credential(block string, model sideModel, env sideEnvironment) credential.Credential {
	at := path.Root(block)
	basic := !model.Username.IsNull() || !model.Password.IsNull()
	if basic || !model.BearerToken.IsNull() || !model.APIKey.IsNull() {
		env.bearerToken, env.apiKey = "", ""
		if !basic {
			env.username, env.password = "", ""
		}
	}
	username := r.text(at.AtName("username"), model.Username, env.username)
	password := r.text(at.AtName("password"), model.Password, env.password)
	bearerToken := r.text(at.AtName("bearer_token"), model.BearerToken, env.bearerToken)
	apiKey := r.text(at.AtName("api_key"), model.APIKey, env.apiKey)
	if len(r.unknown) > 0 {
		return credential.Credential{}
	}

	var kinds []string
	if username != "" || password != "" {
		kinds = append(kinds, "username and password")
	}
	if bearerToken != "" {
		kinds = append(kinds, "bearer_token")
	}
	if apiKey != "" {
		kinds = append(kinds, "api_key")
	}
	switch {
	case len(kinds) > 1:
		r.diags.AddAttributeError(at, "Conflicting credentials",
			"There are "+strings.Join(kinds, " as well as ")+" for "+block+". Keep one of them, in the configuration or in the environment variables "+
				strings.Join(variables(env), ", ")+".")
	case hasScheme(bearerToken):
		r.diags.AddAttributeError(at.AtName("bearer_token"), "Invalid bearer token", "Set the token alone, without the word before it.")
	case hasScheme(apiKey):
		r.diags.AddAttributeError(at.AtName("api_key"), "Invalid API key", "Set the encoded key alone, without the word before it.")
	case bearerToken != "":
		return credential.NewBearer(secret.New(bearerToken))
	case apiKey != "":
		if strings.Contains(apiKey, ":") {
			r.diags.AddAttributeError(at.AtName("api_key"), "Invalid API key",
				"The API key is in the form id:api_key. Set its encoded form instead, the base64 text that Elasticsearch and Kibana show as \"encoded\".")
		}
		return credential.NewAPIKey(secret.New(apiKey))
	case username == "" && password != "":
		r.diags.AddAttributeError(at.AtName("username"), "Missing user name",
			"There is a password without a user name. Set username"+orVariable(env.username)+".")
	case username != "" && password == "":
		r.diags.AddAttributeError(at.AtName("password"), "Missing password",
			"There is a user name without a password. Set password"+orVariable(env.password)+".")
	case strings.Contains(username, ":"):
		r.diags.AddAttributeError(at.AtName("username"), "Invalid user name", "A user name cannot hold a colon: basic authentication ends it there.")
	case username != "":
		return credential.NewBasic(username, secret.New(password))
	}
	return credential.Credential{}
}

// tls returns the TLS settings of one side, and which of them are from which environment variable. Files are read later, by
// the client.
func (r *resolver) tls(block string, model sideModel, env sideEnvironment) (transport.TLS, map[string]string) {
	at := path.Root(block)
	if !model.CAFile.IsNull() || !model.CAData.IsNull() || !model.CAFingerprint.IsNull() {
		env.caFile, env.caFingerprint = "", ""
	}
	settings := transport.TLS{
		CAFile:        r.text(at.AtName("ca_file"), model.CAFile, env.caFile),
		CAData:        r.text(at.AtName("ca_data"), model.CAData, ""),
		CAFingerprint: r.text(at.AtName("ca_fingerprint"), model.CAFingerprint, env.caFingerprint),
		CertFile:      r.text(at.AtName("cert_file"), model.CertFile, ""),
		CertData:      r.text(at.AtName("cert_data"), model.CertData, ""),
		KeyFile:       r.text(at.AtName("key_file"), model.KeyFile, ""),
		KeyData:       secret.New(r.text(at.AtName("key_data"), model.KeyData, "")),
		Insecure:      r.flag(at.AtName("insecure"), model.Insecure, env.insecure),
	}
	return settings, map[string]string{"ca_file": env.caFile, "ca_fingerprint": env.caFingerprint}
}

// share lets each side use the other's credentials when it has none of its own.
func (r *resolver) share(s *settings) {
	switch {
	case s.kibana.credential.Kind() == credential.None:
		s.kibana.credential = s.elasticsearch.credential
	case s.elasticsearch.credential.Kind() == credential.None:
		s.elasticsearch.credential = s.kibana.credential
	}
	certificate := s.kibana.tls.CertFile + s.kibana.tls.CertData
	if s.kibana.credential.Kind() == credential.None && certificate == "" {
		r.diags.AddAttributeError(path.Root("kibana").AtName("username"), "Missing credentials",
			"Kibana creates agent keys on behalf of a user. Set username and password, or bearer_token, in the kibana block, or the environment variables "+
				envKibanaUsername+" and "+envKibanaPassword+".")
	}
}

// warn tells of settings with which others can read the secrets.
func (r *resolver) warn(s settings) {
	for _, side := range []struct {
		block, endpoint string
		settings        sideSettings
	}{{"kibana", "endpoint", s.kibana}, {"elasticsearch", "endpoints", s.elasticsearch}} {
		at := path.Root(side.block)
		if side.settings.tls.Insecure {
			r.diags.AddAttributeWarning(at.AtName("insecure"), "Certificates are not verified",
				"Whoever is between Terraform and "+side.block+" can read the credentials and every new agent key. Set ca_file, ca_data or ca_fingerprint instead of insecure.")
		}
		for _, endpoint := range side.settings.urls {
			if endpoint.Scheme == "http" && !isLoopback(endpoint) {
				r.diags.AddAttributeWarning(at.AtName(side.endpoint), "Credentials are sent in plain text",
					"The endpoint "+endpoint.Redacted()+" is plain http, so whoever is between can read the credentials and every new agent key. Use https.")
			}
		}
	}
}

func isLoopback(endpoint *url.URL) bool {
	host := endpoint.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

// hasScheme reports whether a whole Authorization header was given for what belongs into it.
func hasScheme(text string) bool {
	scheme, _, ok := strings.Cut(strings.TrimSpace(text), " ")
	return ok && (strings.EqualFold(scheme, "ApiKey") || strings.EqualFold(scheme, "Bearer"))
}

func variables(env sideEnvironment) []string {
	var names []string
	for _, name := range []string{env.username, env.password, env.bearerToken, env.apiKey} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

func orVariable(variable string) string {
	if variable == "" {
		return ""
	}
	return ", or the environment variable " + variable
}
