package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Environment variables. The names are those that Elastic's own provider made known.
const (
	envCloudID = "ELASTIC_CLOUD_ID"

	envKibanaEndpoint    = "KIBANA_ENDPOINT"
	envKibanaSpaceID     = "KIBANA_SPACE_ID"
	envKibanaUsername    = "KIBANA_USERNAME"
	envKibanaPassword    = "KIBANA_PASSWORD"
	envKibanaBearerToken = "KIBANA_BEARER_TOKEN"
	envKibanaAPIKey      = "KIBANA_API_KEY"
	envKibanaCACerts     = "KIBANA_CA_CERTS"
	envKibanaInsecure    = "KIBANA_INSECURE"

	envElasticsearchEndpoints     = "ELASTICSEARCH_ENDPOINTS"
	envElasticsearchUsername      = "ELASTICSEARCH_USERNAME"
	envElasticsearchPassword      = "ELASTICSEARCH_PASSWORD"
	envElasticsearchBearerToken   = "ELASTICSEARCH_BEARER_TOKEN"
	envElasticsearchAPIKey        = "ELASTICSEARCH_API_KEY"
	envElasticsearchCAFingerprint = "ELASTICSEARCH_CA_FINGERPRINT"
	envElasticsearchInsecure      = "ELASTICSEARCH_INSECURE"
)

// sideEnvironment are the variables of one block. An empty name means that there is none.
type sideEnvironment struct {
	username, password, bearerToken, apiKey, caFile, caFingerprint, insecure string
}

var (
	kibanaEnvironment = sideEnvironment{
		username: envKibanaUsername, password: envKibanaPassword, bearerToken: envKibanaBearerToken,
		apiKey: envKibanaAPIKey, caFile: envKibanaCACerts, insecure: envKibanaInsecure,
	}
	elasticsearchEnvironment = sideEnvironment{
		username: envElasticsearchUsername, password: envElasticsearchPassword, bearerToken: envElasticsearchBearerToken,
		apiKey: envElasticsearchAPIKey, caFingerprint: envElasticsearchCAFingerprint, insecure: envElasticsearchInsecure,
	}
)

func topAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"cloud_id": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Cloud ID of an Elastic Cloud deployment, from which both endpoints are taken. An endpoint set in its block wins." +
				fromEnvironment(envCloudID),
			Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"request_timeout": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How long one request with its answer may take, such as `30s`, the default. A whole number with a unit of " +
				"`d`, `h`, `m` or `s`. How long an operation may take in all, with its repetitions, is set by `timeouts` in the resource.",
			Validators: []validator.String{durationValidator()},
		},
	}
}

func kibanaBlock() schema.Block {
	attributes := sideAttributes("kibana", kibanaEnvironment)
	attributes["endpoint"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "URL of Kibana, with its base path if it has one, such as `https://kibana.example:5601`. Required unless `cloud_id` names a Kibana." +
			fromEnvironment(envKibanaEndpoint),
		Validators: []validator.String{endpointValidator()},
	}
	attributes["space_id"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Kibana space in which the privileges to create agent keys are checked. The keys themselves belong to no space. " +
			"The default space if absent." + fromEnvironment(envKibanaSpaceID),
		Validators: []validator.String{spaceValidator()},
	}
	return schema.SingleNestedBlock{
		MarkdownDescription: "Kibana, where agent keys are created. Its credentials must be those of a *user*, or on serverless an Elastic Cloud API key: " +
			"an Elasticsearch API key can never create an agent key. Without credentials of its own it uses those of `elasticsearch`.",
		Attributes: attributes,
	}
}

func elasticsearchBlock() schema.Block {
	attributes := sideAttributes("elasticsearch", elasticsearchEnvironment)
	attributes["endpoints"] = schema.ListAttribute{
		ElementType: types.StringType,
		Optional:    true,
		MarkdownDescription: "URLs of the cluster's nodes, such as `https://es.example:9200`. All are used in turn, and one that does not answer is passed over. " +
			"Required unless `cloud_id` is set." + fromEnvironment(envElasticsearchEndpoints) + " There, separate them by commas.",
		Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(endpointValidator())},
	}
	return schema.SingleNestedBlock{
		MarkdownDescription: "Elasticsearch, where agent keys live, are read and revoked. It may have credentials of its own, such as an API key with " +
			"`manage_api_key`. Without them it uses those of `kibana`.",
		Attributes: attributes,
	}
}

// sideAttributes are the attributes that both blocks have.
func sideAttributes(block string, env sideEnvironment) map[string]schema.Attribute {
	at := func(name string) path.Expression { return path.MatchRoot(block).AtName(name) }
	other := func(names ...string) []path.Expression {
		var expressions []path.Expression
		for _, name := range names {
			expressions = append(expressions, at(name))
		}
		return expressions
	}
	text := func(sensitive bool, description, variable string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{
			Optional: true, Sensitive: sensitive, MarkdownDescription: description + fromEnvironment(variable),
			Validators: append([]validator.String{stringvalidator.LengthAtLeast(1)}, validators...),
		}
	}
	return map[string]schema.Attribute{
		"username": text(false, "User name for basic authentication, with `password`.", env.username,
			stringvalidator.ConflictsWith(other("bearer_token", "api_key")...)),
		"password": text(true, "Password of `username`.", env.password,
			stringvalidator.ConflictsWith(other("bearer_token", "api_key")...)),
		"bearer_token": text(true, "Access token or JWT.", env.bearerToken,
			stringvalidator.ConflictsWith(other("username", "password", "api_key")...)),
		"api_key": text(true, apiKeyDescription(block), env.apiKey,
			stringvalidator.ConflictsWith(other("username", "password", "bearer_token")...)),
		"ca_file": text(false, "File with the PEM certificates of the authorities to trust instead of the system's.", env.caFile,
			stringvalidator.ConflictsWith(other("ca_data")...)),
		"ca_data": text(false, "PEM certificates of the authorities to trust instead of the system's.", ""),
		"ca_fingerprint": text(false, "SHA-256 fingerprint, in hexadecimal digits with or without colons, of the authority that signed the server's certificate, "+
			"as Elasticsearch prints it at its first start, or of the server's certificate itself.", env.caFingerprint,
			stringvalidator.ConflictsWith(other("ca_file", "ca_data")...)),
		"cert_file": text(false, "File with the client's certificate, PEM.", "", stringvalidator.ConflictsWith(other("cert_data")...)),
		"cert_data": text(false, "The client's certificate, PEM.", ""),
		"key_file":  text(false, "File with the client's private key, PEM.", "", stringvalidator.ConflictsWith(other("key_data")...)),
		"key_data":  text(true, "The client's private key, PEM.", ""),
		"insecure": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Accept any certificate of the server. Whoever is in between can then read the credentials and every new key; " +
				"prefer `ca_file` or `ca_fingerprint`." + fromEnvironment(env.insecure),
		},
	}
}

func apiKeyDescription(block string) string {
	if block == "kibana" {
		return "Elastic Cloud API key (`essu_...`) of a serverless project. An Elasticsearch API key is refused, for it can never create an agent key."
	}
	return "Elasticsearch API key, in its encoded form. It needs the cluster privilege `manage_api_key`."
}

func fromEnvironment(variable string) string {
	if variable == "" {
		return ""
	}
	return " Environment variable: `" + variable + "`."
}
