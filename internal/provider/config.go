package provider

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/cloudid"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// providerModel is the configuration as written.
type providerModel struct {
	CloudID        types.String `tfsdk:"cloud_id"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	Kibana         types.Object `tfsdk:"kibana"`
	Elasticsearch  types.Object `tfsdk:"elasticsearch"`
}

// sideModel is what both blocks have.
type sideModel struct {
	Username      types.String `tfsdk:"username"`
	Password      types.String `tfsdk:"password"`
	BearerToken   types.String `tfsdk:"bearer_token"`
	APIKey        types.String `tfsdk:"api_key"`
	CAFile        types.String `tfsdk:"ca_file"`
	CAData        types.String `tfsdk:"ca_data"`
	CAFingerprint types.String `tfsdk:"ca_fingerprint"`
	CertFile      types.String `tfsdk:"cert_file"`
	CertData      types.String `tfsdk:"cert_data"`
	KeyFile       types.String `tfsdk:"key_file"`
	KeyData       types.String `tfsdk:"key_data"`
	Insecure      types.Bool   `tfsdk:"insecure"`
}

type kibanaModel struct {
	sideModel

	Endpoint types.String `tfsdk:"endpoint"`
	SpaceID  types.String `tfsdk:"space_id"`
}

type elasticsearchModel struct {
	sideModel

	Endpoints types.List `tfsdk:"endpoints"`
}

// settings are the configuration as resolved with the environment.
type settings struct {
	requestTimeout time.Duration // 0: the default
	spaceID        string
	kibana         sideSettings
	elasticsearch  sideSettings
}

type sideSettings struct {
	urls       []*url.URL
	credential credential.Credential
	tls        transport.TLS
	// tlsVariables are the environment variables that set options of tls, by the option.
	tlsVariables map[string]string
}

// resolver collects what the configuration says and what is wrong with it.
type resolver struct {
	getenv  func(string) string
	diags   *diag.Diagnostics
	unknown []string // attributes whose values come later in the run
}

// resolve reads configuration and environment, of which the configuration wins. Attributes that are unknown while planning
// are returned by name; the settings are then incomplete, and their absence is no error.
func resolve(ctx context.Context, config tfsdk.Config, getenv func(string) string, diags *diag.Diagnostics) (settings, []string) {
	r := &resolver{getenv: getenv, diags: diags}
	var model providerModel
	diags.Append(config.Get(ctx, &model)...)
	var kibana kibanaModel
	var elasticsearch elasticsearchModel
	r.block(ctx, "kibana", model.Kibana, &kibana)
	r.block(ctx, "elasticsearch", model.Elasticsearch, &elasticsearch)
	if diags.HasError() {
		return settings{}, nil
	}

	var s settings
	s.requestTimeout = r.duration(path.Root("request_timeout"), model.RequestTimeout)
	s.spaceID = r.text(path.Root("kibana").AtName("space_id"), kibana.SpaceID, envKibanaSpaceID)
	if s.spaceID != "" && !spaceID.MatchString(s.spaceID) {
		r.diags.AddAttributeError(path.Root("kibana").AtName("space_id"), "Invalid space",
			"The environment variable "+envKibanaSpaceID+" must be the id of a space, as in the URL after /s/: lower-case letters, digits, _ and -.")
	}
	r.endpoints(&s, model.CloudID, kibana.Endpoint, elasticsearch.Endpoints)
	s.kibana.credential = r.credential("kibana", kibana.sideModel, kibanaEnvironment)
	s.elasticsearch.credential = r.credential("elasticsearch", elasticsearch.sideModel, elasticsearchEnvironment)
	s.kibana.tls, s.kibana.tlsVariables = r.tls("kibana", kibana.sideModel, kibanaEnvironment)
	s.elasticsearch.tls, s.elasticsearch.tlsVariables = r.tls("elasticsearch", elasticsearch.sideModel, elasticsearchEnvironment)
	if len(r.unknown) == 0 && !diags.HasError() {
		r.share(&s)
		r.warn(s)
	}
	return s, r.unknown
}

// block decodes a block that may be absent.
func (r *resolver) block(ctx context.Context, name string, object types.Object, into any) {
	switch {
	case object.IsUnknown():
		r.unknown = append(r.unknown, name)
	case !object.IsNull():
		r.diags.Append(object.As(ctx, into, basetypes.ObjectAsOptions{})...)
	}
}

// known notes an unknown value, and reports whether there is a value.
func (r *resolver) known(at path.Path, value attr.Value) bool {
	if value.IsUnknown() {
		r.unknown = append(r.unknown, at.String())
	}
	return !value.IsNull() && !value.IsUnknown()
}

// text returns the configured value, or else that of the environment variable, if there is one.
func (r *resolver) text(at path.Path, value types.String, variable string) string {
	if r.known(at, value) {
		return value.ValueString()
	}
	if value.IsUnknown() || variable == "" {
		return ""
	}
	return r.getenv(variable)
}

// texts returns the configured values.
func (r *resolver) texts(at path.Path, values types.List) []string {
	if !r.known(at, values) {
		return nil
	}
	var texts []string
	for i, element := range values.Elements() {
		if text, ok := element.(types.String); ok && r.known(at.AtListIndex(i), text) {
			texts = append(texts, text.ValueString())
		}
	}
	return texts
}

func (r *resolver) duration(at path.Path, value types.String) time.Duration {
	if !r.known(at, value) {
		return 0
	}
	duration, err := agentkey.ParseDuration(value.ValueString())
	if err != nil {
		r.diags.AddAttributeError(at, "Invalid duration", sentence(err.Error()))
	}
	return duration
}

func (r *resolver) flag(at path.Path, value types.Bool, variable string) bool {
	if r.known(at, value) {
		return value.ValueBool()
	}
	text := r.getenv(variable)
	if value.IsUnknown() || text == "" {
		return false
	}
	flag, err := strconv.ParseBool(text)
	if err != nil {
		r.diags.AddAttributeError(at, "Invalid environment variable", "The environment variable "+variable+" must be true or false.")
	}
	return flag
}

// endpoints finds both products: by their blocks, by the Cloud ID, by their environment variables, by the environment's
// Cloud ID, in this order.
func (r *resolver) endpoints(s *settings, cloudID, kibana types.String, elasticsearch types.List) {
	kibanaPath, elasticsearchPath := path.Root("kibana").AtName("endpoint"), path.Root("elasticsearch").AtName("endpoints")
	kibanaURL, elasticsearchURLs := r.text(kibanaPath, kibana, ""), r.texts(elasticsearchPath, elasticsearch)
	configured := r.cloudID("", r.text(path.Root("cloud_id"), cloudID, ""))
	if len(r.unknown) > 0 {
		return
	}
	var kibanaVariable, elasticsearchVariable string
	if kibanaURL = cmp.Or(kibanaURL, configured.Kibana); kibanaURL == "" && r.getenv(envKibanaEndpoint) != "" {
		kibanaURL, kibanaVariable = r.getenv(envKibanaEndpoint), envKibanaEndpoint
	}
	switch {
	case len(elasticsearchURLs) > 0:
	case configured.Elasticsearch != "":
		elasticsearchURLs = []string{configured.Elasticsearch}
	case r.getenv(envElasticsearchEndpoints) != "":
		elasticsearchURLs, elasticsearchVariable = strings.Split(r.getenv(envElasticsearchEndpoints), ","), envElasticsearchEndpoints
	}
	var ambient cloudid.Endpoints
	if cloudID.IsNull() && (kibanaURL == "" || len(elasticsearchURLs) == 0) {
		ambient = r.cloudID("In the environment variable "+envCloudID+", ", r.getenv(envCloudID))
		kibanaURL = cmp.Or(kibanaURL, ambient.Kibana)
		if len(elasticsearchURLs) == 0 && ambient.Elasticsearch != "" {
			elasticsearchURLs = []string{ambient.Elasticsearch}
		}
	}
	if r.diags.HasError() {
		return // A Cloud ID that cannot be read is no missing endpoint.
	}

	switch {
	case kibanaURL != "":
		s.kibana.urls = r.urls(kibanaPath, kibanaVariable, kibanaURL)
	case configured.Elasticsearch != "" || ambient.Elasticsearch != "":
		r.diags.AddAttributeError(kibanaPath, "Missing Kibana endpoint",
			"The Cloud ID names no Kibana. Set endpoint in the kibana block, or the environment variable "+envKibanaEndpoint+", to Kibana's URL.")
	default:
		r.diags.AddAttributeError(kibanaPath, "Missing Kibana endpoint",
			"Agent keys are created through Kibana. Set endpoint in the kibana block, or cloud_id, or the environment variable "+envKibanaEndpoint+".")
	}
	if len(elasticsearchURLs) == 0 {
		r.diags.AddAttributeError(elasticsearchPath, "Missing Elasticsearch endpoints",
			"Agent keys are read and revoked in Elasticsearch. Set endpoints in the elasticsearch block, or cloud_id, or the environment variable "+envElasticsearchEndpoints+".")
	}
	s.elasticsearch.urls = r.urls(elasticsearchPath, elasticsearchVariable, elasticsearchURLs...)
}

func (r *resolver) cloudID(where, text string) cloudid.Endpoints {
	if text == "" {
		return cloudid.Endpoints{}
	}
	endpoints, err := cloudid.Parse(text)
	if err != nil {
		r.diags.AddAttributeError(path.Root("cloud_id"), "Invalid Cloud ID", sentence(where+err.Error()))
	}
	return endpoints
}

// urls parses endpoints, which come from the environment variable if there is one.
func (r *resolver) urls(at path.Path, variable string, texts ...string) []*url.URL {
	subject := "The endpoint"
	if variable != "" {
		subject = "The environment variable " + variable
	}
	var urls []*url.URL
	for _, text := range texts {
		endpoint, err := parseEndpoint(strings.TrimSpace(text))
		if err != nil {
			r.diags.AddAttributeError(at, "Invalid endpoint", subject+" cannot be used: "+err.Error()+".")
			continue
		}
		endpoint.Path = strings.TrimRight(endpoint.Path, "/")
		urls = append(urls, endpoint)
	}
	return urls
}
