package acctest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// An Action is what a plan does with the resource.
type Action string

// The actions of a plan.
const (
	NoOp    Action = "no-op"
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
)

// Core plays Terraform for one apm_agent_key: it speaks the plugin protocol in process, keeps the state, and holds the
// provider to the rules that Terraform enforces. Unlike the real one it shows warnings to the test, takes milliseconds,
// and lets a test stop, lose or delay any step. Every command starts a new provider, as Terraform does.
type Core struct {
	// CreateBeforeDestroy is the lifecycle option.
	CreateBeforeDestroy bool
	// Context is the parent of every command's; it carries the logger.
	Context context.Context //nolint:containedctx // A Core is a session, whose commands have no arguments in common.

	t        testing.TB
	factory  func() (tfprotov6.ProviderServer, error)
	provider map[string]any
	state    *tfprotov6.DynamicValue
	private  []byte
	// tainted is what Terraform calls a resource whose creation has ended with an error: the next plan replaces it.
	tainted bool
	// deposed are those that were replaced with create_before_destroy, and could not be destroyed yet.
	deposed   []*Plan
	stateType tftypes.Type
	// optional and computed are the names of the attributes and blocks that can be configured, and of those that the
	// provider may decide.
	optional, computed map[string]bool
}

// Plan is a plan that can be applied, later if need be.
type Plan struct {
	Action Action
	// Diagnostics are those of refreshing and planning.
	Diagnostics Diagnostics
	// Planned is the resource as planned; unknown values are Unknown. Nil for Delete and NoOp without a state.
	Planned map[string]any
	// RequiresReplace names the attributes that make it a replacement.
	RequiresReplace []string

	given                  map[string]any // the configuration
	config, planned, prior *tfprotov6.DynamicValue
	private, priorPrivate  []byte
	replacement            *Plan
}

// Diagnostics are what the provider told the user.
type Diagnostics []*tfprotov6.Diagnostic

// Errors returns the errors among them.
func (d Diagnostics) Errors() Diagnostics { return d.of(tfprotov6.DiagnosticSeverityError) }

// Warnings returns the warnings among them.
func (d Diagnostics) Warnings() Diagnostics { return d.of(tfprotov6.DiagnosticSeverityWarning) }

// String returns all texts.
func (d Diagnostics) String() string {
	var b strings.Builder
	for _, diagnostic := range d {
		fmt.Fprintf(&b, "%s: %s: %s\n%s\n", diagnostic.Severity, diagnostic.Attribute, diagnostic.Summary, diagnostic.Detail)
	}
	return b.String()
}

func (d Diagnostics) of(severity tfprotov6.DiagnosticSeverity) Diagnostics {
	var some Diagnostics
	for _, diagnostic := range d {
		if diagnostic.Severity == severity {
			some = append(some, diagnostic)
		}
	}
	return some
}

// NewCore returns a Terraform that runs the providers of factory with the given configuration.
func NewCore(t testing.TB, factory func() (tfprotov6.ProviderServer, error), provider map[string]any) *Core {
	t.Helper()
	c := &Core{Context: context.Background(), t: t, factory: factory, provider: provider, optional: map[string]bool{}, computed: map[string]bool{}}
	server := c.serve()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatalf("asking for the schema: %s", err)
	}
	schema := schemas.ResourceSchemas[resourceType]
	c.stateType = schema.ValueType()
	for _, attribute := range schema.Block.Attributes {
		c.optional[attribute.Name] = attribute.Required || attribute.Optional
		c.computed[attribute.Name] = attribute.Computed
	}
	for _, block := range schema.Block.BlockTypes {
		c.optional[block.TypeName] = true
	}
	return c
}

// Core returns a Terraform with the given provider configuration, nil for that of the least-privilege user. The provider
// sees no environment variable.
func (w *World) Core(t testing.TB, provider map[string]any) *Core {
	t.Helper()
	return w.CoreWithEnvironment(t, provider, nil)
}

// CoreWithEnvironment is Core with environment variables for the provider.
func (w *World) CoreWithEnvironment(t testing.TB, provider map[string]any, variables map[string]string) *Core {
	t.Helper()
	if provider == nil {
		provider = w.ProviderConfig(w.BasicAuth(), nil)
	}
	return NewCore(t, w.FactoriesWithEnvironment(variables)["apm"], provider)
}

// BasicAuth returns the attributes of a block for the least-privilege user.
func (w *World) BasicAuth() map[string]any {
	return map[string]any{"username": w.Username, "password": w.Password}
}

// ProviderConfig returns a provider configuration with the given attributes in each block, beside the endpoints.
func (w *World) ProviderConfig(kibana, elasticsearch map[string]any) map[string]any {
	with := func(attributes map[string]any, name string, value any) map[string]any {
		block := map[string]any{name: value}
		maps.Copy(block, attributes)
		return block
	}
	return map[string]any{
		"kibana":        with(kibana, "endpoint", w.KibanaURL()),
		"elasticsearch": with(elasticsearch, "endpoints", []string{w.ElasticsearchURL()}),
	}
}

// SetProvider changes the provider's configuration from the next command on.
func (c *Core) SetProvider(provider map[string]any) { c.provider = provider }

// State returns the resource in the state, or nil if there is none.
func (c *Core) State() map[string]any { return c.decode(c.state) }

// SetState replaces the state, as a restored backup or an edit does.
func (c *Core) SetState(state map[string]any) {
	c.state, c.private = c.encode(state), nil
}

// Configure validates and configures the provider, which every command does first.
func (c *Core) Configure() Diagnostics {
	c.t.Helper()
	_, diagnostics := c.start()
	return diagnostics
}

// Refresh is terraform apply -refresh-only.
func (c *Core) Refresh() Diagnostics {
	c.t.Helper()
	server, diagnostics := c.start()
	if len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	return append(diagnostics, c.read(c.Context, server)...)
}

// Plan is terraform plan: refresh and plan. A nil config plans a destruction.
func (c *Core) Plan(config map[string]any) *Plan {
	c.t.Helper()
	return c.planAfter(c.read, config)
}

// PlanWithoutRefresh is terraform plan -refresh=false.
func (c *Core) PlanWithoutRefresh(config map[string]any) *Plan {
	c.t.Helper()
	return c.planAfter(func(context.Context, tfprotov6.ProviderServer) Diagnostics { return nil }, config)
}

// Apply is terraform apply of a saved plan.
func (c *Core) Apply(plan *Plan) Diagnostics { return c.ApplyContext(c.Context, plan) }

// ApplyContext is Apply with an end: a cancelled context is what Ctrl-C does to the provider.
func (c *Core) ApplyContext(ctx context.Context, plan *Plan) Diagnostics {
	c.t.Helper()
	server, diagnostics := c.start()
	if len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	c.state, c.private = plan.prior, plan.priorPrivate
	diagnostics = append(diagnostics, c.destroyDeposed(ctx, server)...)
	switch plan.Action {
	case NoOp:
		return diagnostics
	case Replace:
		return append(diagnostics, c.replace(ctx, server, plan)...)
	default:
		state, private, applied := c.apply(ctx, server, plan)
		c.keep(plan, state, private, applied)
		return append(diagnostics, applied...)
	}
}

// Deposed returns the ids of the keys that were replaced, and whose destruction has failed so far.
func (c *Core) Deposed() []string {
	var ids []string
	for _, destroy := range c.deposed {
		id, _ := c.decode(destroy.prior)["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// ApplyResolved is Apply of a plan whose unknown values have become known meanwhile: config is the configuration as it is
// then.
func (c *Core) ApplyResolved(plan *Plan, config map[string]any) Diagnostics {
	c.t.Helper()
	plan.given = config
	if plan.replacement != nil {
		plan.replacement.given = config
	}
	return c.Apply(plan)
}

// Run is terraform apply: plan, and apply if the plan is good.
func (c *Core) Run(config map[string]any) Diagnostics {
	c.t.Helper()
	plan := c.Plan(config)
	if len(plan.Diagnostics.Errors()) > 0 {
		return plan.Diagnostics
	}
	return append(plan.Diagnostics, c.Apply(plan)...)
}

// Destroy is terraform destroy.
func (c *Core) Destroy() Diagnostics { return c.Run(nil) }

// Import is terraform import.
func (c *Core) Import(id string) Diagnostics {
	c.t.Helper()
	server, diagnostics := c.start()
	if len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	resp, err := server.ImportResourceState(c.Context, &tfprotov6.ImportResourceStateRequest{TypeName: resourceType, ID: id})
	if err != nil {
		c.t.Fatalf("importing: %s", err)
	}
	diagnostics = append(diagnostics, resp.Diagnostics...)
	if len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	kept, keptPrivate := c.state, c.private
	c.state, c.private = resp.ImportedResources[0].State, resp.ImportedResources[0].Private
	diagnostics = append(diagnostics, c.read(c.Context, server)...)
	if len(diagnostics.Errors()) > 0 {
		// What cannot be read is not imported.
		c.state, c.private = kept, keptPrivate
	}
	return diagnostics
}

// planAfter plans after a refresh.
func (c *Core) planAfter(refresh func(context.Context, tfprotov6.ProviderServer) Diagnostics, config map[string]any) *Plan {
	c.t.Helper()
	server, diagnostics := c.start()
	if len(diagnostics.Errors()) > 0 {
		return &Plan{Diagnostics: diagnostics}
	}
	diagnostics = append(diagnostics, c.validate(server, config)...)
	if len(diagnostics.Errors()) > 0 {
		return &Plan{Diagnostics: diagnostics}
	}
	// A plan's refresh changes what is planned on, and reaches the state when the plan is applied.
	kept, keptPrivate := c.state, c.private
	diagnostics = append(diagnostics, refresh(c.Context, server)...)
	prior, priorPrivate := c.state, c.private
	c.state, c.private = kept, keptPrivate
	if len(diagnostics.Errors()) > 0 {
		return &Plan{Diagnostics: diagnostics}
	}
	if !c.tainted || config == nil || c.decode(prior) == nil {
		plan := c.plan(server, config, prior, priorPrivate)
		plan.Diagnostics = append(diagnostics, plan.Diagnostics...)
		return plan
	}
	replacement := c.plan(server, config, nil, nil)
	return &Plan{
		Action: Replace, Diagnostics: append(diagnostics, replacement.Diagnostics...), Planned: replacement.Planned,
		replacement: replacement, prior: prior, priorPrivate: priorPrivate,
	}
}

// replace destroys and creates, in the order that the lifecycle asks for.
func (c *Core) replace(ctx context.Context, server tfprotov6.ProviderServer, plan *Plan) Diagnostics {
	if c.CreateBeforeDestroy {
		state, private, diagnostics := c.apply(ctx, server, plan.replacement)
		if len(diagnostics.Errors()) > 0 && c.decode(state) == nil {
			return diagnostics
		}
		c.keep(plan.replacement, state, private, diagnostics)
		// Terraform keeps the old one as "deposed" beside the new one, and plans its destruction anew.
		c.deposed = append(c.deposed, &Plan{prior: plan.prior, priorPrivate: plan.priorPrivate})
		if len(diagnostics.Errors()) > 0 {
			return diagnostics
		}
		return append(diagnostics, c.destroyDeposed(ctx, server)...)
	}
	// The destruction is part of the plan and not planned by itself; it gets the private data of the planned creation.
	destroy := &Plan{
		Action: Delete, prior: plan.prior, priorPrivate: plan.priorPrivate,
		config: c.encode(nil), planned: c.encode(nil), private: plan.replacement.private,
	}
	state, private, diagnostics := c.apply(ctx, server, destroy)
	c.state, c.private = state, private
	if len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	state, private, created := c.apply(ctx, server, plan.replacement)
	c.keep(plan.replacement, state, private, created)
	return append(diagnostics, created...)
}

// keep takes over a new state.
func (c *Core) keep(plan *Plan, state *tfprotov6.DynamicValue, private []byte, diagnostics Diagnostics) {
	c.state, c.private = state, private
	failed := len(diagnostics.Errors()) > 0
	if plan.Action == Create || !failed {
		c.tainted = failed && c.decode(state) != nil
	}
}

// destroyDeposed destroys what was replaced and is still there.
func (c *Core) destroyDeposed(ctx context.Context, server tfprotov6.ProviderServer) Diagnostics {
	var diagnostics Diagnostics
	var left []*Plan
	for _, old := range c.deposed {
		destroy := c.plan(server, nil, old.prior, old.priorPrivate)
		diagnostics = append(diagnostics, destroy.Diagnostics...)
		if len(destroy.Diagnostics.Errors()) > 0 {
			left = append(left, old)
			continue
		}
		_, _, destroyed := c.apply(ctx, server, destroy)
		diagnostics = append(diagnostics, destroyed...)
		if len(destroyed.Errors()) > 0 {
			left = append(left, old)
		}
	}
	c.deposed = left
	return diagnostics
}
