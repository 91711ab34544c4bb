package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/elastic/terraform-provider-apm/internal/clock"
	apm "github.com/elastic/terraform-provider-apm/internal/provider"
)

const (
	idleSource = "elastic/idle"
	idleBinary = "terraform-provider-idle"
	// idleDelay is the environment variable that holds how long a creation and a deletion take.
	idleDelay = "IDLE_DELAY"
)

// idleProvider does nothing, for as many resources and with the same attributes.
type idleProvider struct {
	delay time.Duration
}

var _ provider.Provider = (*idleProvider)(nil)

func serveIdle(ctx context.Context, delay string) error {
	d, err := time.ParseDuration(delay)
	if err != nil {
		return fmt.Errorf("%s: %w", idleDelay, err)
	}
	return providerserver.Serve(ctx, func() provider.Provider { return &idleProvider{d} },
		providerserver.ServeOpts{Address: "registry.terraform.io/" + idleSource})
}

// Metadata implements provider.Provider.
func (p *idleProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "idle"
}

// Schema implements provider.Provider.
func (p *idleProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{}
}

// Configure implements provider.Provider.
func (p *idleProvider) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}

// DataSources implements provider.Provider.
func (p *idleProvider) DataSources(context.Context) []func() datasource.DataSource { return nil }

// Resources implements provider.Provider.
func (p *idleProvider) Resources(ctx context.Context) []func() resource.Resource {
	agentKey := apm.New(apm.Dependencies{Clock: clock.System{}})().Resources(ctx)[0]()
	return []func() resource.Resource{func() resource.Resource { return &idleResource{agentKey, p.delay} }}
}

// idleResource is like apm_agent_key for Terraform, but there is nothing behind it.
type idleResource struct {
	agentKey resource.Resource
	delay    time.Duration
}

var _ resource.Resource = (*idleResource)(nil)

// Metadata implements resource.Resource.
func (r *idleResource) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	r.agentKey.Metadata(ctx, req, resp)
}

// Schema implements resource.Resource.
func (r *idleResource) Schema(ctx context.Context, req resource.SchemaRequest, resp *resource.SchemaResponse) {
	r.agentKey.Schema(ctx, req, resp)
}

// Create implements resource.Resource.
func (r *idleResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	time.Sleep(r.delay)
	resp.State.Raw = req.Plan.Raw
	for _, computed := range []string{"id", "api_key", "encoded", "creation", "expiration", "username", "realm"} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(computed), computed+" of twenty bytes")...)
	}
}

// Read implements resource.Resource.
func (r *idleResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update implements resource.Resource.
func (r *idleResource) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}

// Delete implements resource.Resource.
func (r *idleResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
	time.Sleep(r.delay)
}
