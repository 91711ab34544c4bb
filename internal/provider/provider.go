// Package provider translates between Terraform and the domain of agent keys.
package provider

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/elastic/terraform-provider-apm/internal/agentkey"
	"github.com/elastic/terraform-provider-apm/internal/clock"
	"github.com/elastic/terraform-provider-apm/internal/credential"
	"github.com/elastic/terraform-provider-apm/internal/elasticsearch"
	"github.com/elastic/terraform-provider-apm/internal/kibana"
	"github.com/elastic/terraform-provider-apm/internal/transport"
)

// Dependencies are what varies between production and tests.
type Dependencies struct {
	Version string // of the provider, for the User-Agent
	Clock   clock.Clock
	Getenv  func(string) string
}

type apmProvider struct {
	dependencies Dependencies
}

var _ provider.Provider = (*apmProvider)(nil)

// New returns a factory of the provider, as providerserver and acceptance tests want it.
func New(dependencies Dependencies) func() provider.Provider {
	return func() provider.Provider { return &apmProvider{dependencies: dependencies} }
}

// Metadata implements provider.Provider.
func (p *apmProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "apm"
	resp.Version = p.dependencies.Version
}

// Schema implements provider.Provider.
func (p *apmProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerSchema()
}

// Configure implements provider.Provider. It sends no request.
func (p *apmProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	settings, unknown := resolve(ctx, req.Config, p.dependencies.Getenv, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	data := &providerData{unknown: unknown, creator: settings.kibana.credential}
	if len(unknown) == 0 {
		data.keys = p.service(settings, resp)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.ResourceData = data
	resp.DataSourceData = data
	resp.EphemeralResourceData = data
	resp.ListResourceData = data
	resp.ActionData = data
}

// DataSources implements provider.Provider.
func (p *apmProvider) DataSources(context.Context) []func() datasource.DataSource { return nil }

// Resources implements provider.Provider.
func (p *apmProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newAgentKeyResource}
}

// service builds the clients and the domain's service over them.
func (p *apmProvider) service(s settings, resp *provider.ConfigureResponse) *agentkey.Service {
	kibanaClient, err := kibana.New(p.transport(s.kibana, s), s.spaceID)
	addOptionError(&resp.Diagnostics, "kibana", s.kibana.tlsVariables, err)
	manager, err := elasticsearch.New(p.transport(s.elasticsearch, s))
	addOptionError(&resp.Diagnostics, "elasticsearch", s.elasticsearch.tlsVariables, err)
	if resp.Diagnostics.HasError() {
		return nil
	}
	return agentkey.NewService(kibanaClient, manager.As(s.kibana.credential), manager, p.dependencies.Clock)
}

func (p *apmProvider) transport(side sideSettings, s settings) transport.Config {
	return transport.Config{
		URLs: side.urls, Credential: side.credential, TLS: side.tls, RequestTimeout: s.requestTimeout,
		UserAgent: "terraform-provider-apm/" + p.dependencies.Version, Clock: p.dependencies.Clock,
	}
}

// providerData is what resources get of the provider.
type providerData struct {
	// keys is nil while part of the configuration is unknown.
	keys    *agentkey.Service
	unknown []string
	// creator is the credential that Kibana would get; zero while unknown.
	creator credential.Credential
	// refreshed are the keys that were read since the provider was configured.
	refreshed idSet
}

// idSet is a set of key ids. It is safe for concurrent use.
type idSet struct{ ids sync.Map }

func (s *idSet) add(id string) { s.ids.Store(id, true) }

func (s *idSet) has(id string) bool {
	_, ok := s.ids.Load(id)
	return ok
}

// schemaDescription is shown by documentation and editors.
const schemaDescription = "Creates, reads and revokes APM agent keys: the least-privilege API keys with which Elastic APM agents " +
	"and EDOT/OpenTelemetry SDKs send their data. Keys are created through Kibana and live in Elasticsearch."

func providerSchema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: schemaDescription,
		Attributes:          topAttributes(),
		Blocks: map[string]schema.Block{
			"kibana":        kibanaBlock(),
			"elasticsearch": elasticsearchBlock(),
		},
	}
}
