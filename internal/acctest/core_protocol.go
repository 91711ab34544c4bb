package acctest

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

const resourceType = "apm_agent_key"

// serve starts a provider.
func (c *Core) serve() tfprotov6.ProviderServer {
	c.t.Helper()
	server, err := c.factory()
	if err != nil {
		c.t.Fatalf("starting the provider: %s", err)
	}
	return server
}

// start starts a provider and configures it.
func (c *Core) start() (tfprotov6.ProviderServer, Diagnostics) {
	c.t.Helper()
	server := c.serve()
	ctx := c.Context
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		c.t.Fatalf("asking for the schema: %s", err)
	}
	config := encodeAs(c.t, schemas.Provider.ValueType(), c.provider)
	validated, err := server.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: config})
	if err != nil {
		c.t.Fatalf("validating the provider's configuration: %s", err)
	}
	if diagnostics := Diagnostics(validated.Diagnostics); len(diagnostics.Errors()) > 0 {
		return server, diagnostics
	}
	configured, err := server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.11.4", Config: config})
	if err != nil {
		c.t.Fatalf("configuring the provider: %s", err)
	}
	return server, append(validated.Diagnostics, configured.Diagnostics...)
}

func (c *Core) validate(server tfprotov6.ProviderServer, config map[string]any) Diagnostics {
	if config == nil {
		return nil
	}
	resp, err := server.ValidateResourceConfig(c.Context, &tfprotov6.ValidateResourceConfigRequest{
		TypeName: resourceType, Config: c.encode(config),
	})
	if err != nil {
		c.t.Fatalf("validating: %s", err)
	}
	return resp.Diagnostics
}

// Upgrade reads the state as an earlier version of the provider may have left it in the state file, as JSON.
func (c *Core) Upgrade(state []byte) Diagnostics {
	c.t.Helper()
	resp, err := c.serve().UpgradeResourceState(c.Context, &tfprotov6.UpgradeResourceStateRequest{
		TypeName: resourceType, RawState: &tfprotov6.RawState{JSON: state},
	})
	if err != nil {
		c.t.Fatalf("upgrading the state: %s", err)
	}
	if diagnostics := Diagnostics(resp.Diagnostics); len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	c.state, c.private = resp.UpgradedState, nil
	return resp.Diagnostics
}

// read refreshes the state.
func (c *Core) read(ctx context.Context, server tfprotov6.ProviderServer) Diagnostics {
	if c.State() == nil {
		return nil
	}
	resp, err := server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{TypeName: resourceType, CurrentState: c.state, Private: c.private})
	if err != nil {
		c.t.Fatalf("reading: %s", err)
	}
	if diagnostics := Diagnostics(resp.Diagnostics); len(diagnostics.Errors()) > 0 {
		return diagnostics
	}
	c.state, c.private = resp.NewState, resp.Private
	return resp.Diagnostics
}

// plan asks the provider for a plan, and for that of the creation too when it is a replacement.
func (c *Core) plan(server tfprotov6.ProviderServer, config map[string]any, prior *tfprotov6.DynamicValue, priorPrivate []byte) *Plan {
	plan := &Plan{prior: prior, priorPrivate: priorPrivate, given: config, config: c.encode(config)}
	if prior == nil {
		plan.prior = c.encode(nil)
	}
	before := c.decode(plan.prior)
	if config == nil && before == nil {
		plan.Action = NoOp
		return plan
	}
	resp, err := server.PlanResourceChange(c.Context, &tfprotov6.PlanResourceChangeRequest{
		TypeName: resourceType, PriorState: plan.prior, PriorPrivate: priorPrivate,
		Config: plan.config, ProposedNewState: c.propose(before, config),
	})
	if err != nil {
		c.t.Fatalf("planning: %s", err)
	}
	plan.Diagnostics = resp.Diagnostics
	if len(plan.Diagnostics.Errors()) > 0 {
		return plan
	}
	plan.planned, plan.private = resp.PlannedState, resp.PlannedPrivate
	plan.Planned = c.decode(plan.planned)
	for _, at := range resp.RequiresReplace {
		plan.RequiresReplace = append(plan.RequiresReplace, at.String())
	}
	c.checkPlan(plan)
	switch {
	case config == nil:
		plan.Action = Delete
	case before == nil:
		plan.Action = Create
	case equal(plan.Planned, before):
		plan.Action = NoOp
	case len(plan.RequiresReplace) > 0:
		plan.Action = Replace
		plan.replacement = c.plan(server, config, nil, plan.private)
		plan.Diagnostics = append(plan.Diagnostics, plan.replacement.Diagnostics...)
		plan.Planned = plan.replacement.Planned
	default:
		plan.Action = Update
	}
	return plan
}

// apply applies a creation, an update or a destruction, and returns the new state. Terraform plans once more before it
// creates or updates, when every value is known.
func (c *Core) apply(ctx context.Context, server tfprotov6.ProviderServer, plan *Plan) (*tfprotov6.DynamicValue, []byte, Diagnostics) {
	if plan.Action != Delete {
		priorPrivate := plan.priorPrivate
		if plan.Action == Create {
			// Where a replaced one was destroyed first, nothing is left of it.
			priorPrivate = nil
		}
		final := c.plan(server, plan.given, plan.prior, priorPrivate)
		if len(final.Diagnostics.Errors()) > 0 {
			return plan.prior, plan.priorPrivate, final.Diagnostics
		}
		c.checkFinal(plan, final)
		plan = final
	}
	resp, err := server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: resourceType, PriorState: plan.prior, PlannedState: plan.planned, Config: plan.config, PlannedPrivate: plan.private,
	})
	if err != nil {
		c.t.Fatalf("applying: %s", err)
	}
	c.checkApply(plan, resp)
	return resp.NewState, resp.Private, resp.Diagnostics
}

// propose merges configuration and prior state as Terraform does: what is computed and not configured is kept, and
// unknown for something new.
func (c *Core) propose(prior, config map[string]any) *tfprotov6.DynamicValue {
	if config == nil {
		return c.encode(nil)
	}
	proposed := maps.Clone(config)
	for name := range c.computed {
		switch {
		case !c.computed[name] || config[name] != nil:
		case prior == nil:
			proposed[name] = Unknown
		default:
			proposed[name] = prior[name]
		}
	}
	return c.encode(proposed)
}

// checkPlan holds a plan to Terraform's rules: what can be configured is planned as configured, unless the provider may
// decide it.
func (c *Core) checkPlan(plan *Plan) {
	if plan.given == nil {
		if plan.Planned != nil {
			c.t.Errorf("invalid plan: a destruction is planned to leave something")
		}
		return
	}
	for name, optional := range c.optional {
		decided := c.computed[name] && plan.given[name] == nil
		if optional && !decided && !equal(plan.given[name], plan.Planned[name]) {
			c.t.Errorf("invalid plan: %s is planned otherwise than configured", name)
		}
	}
}

// checkFinal holds the plan that is made while applying to Terraform's rules: it may only fill in what was unknown.
func (c *Core) checkFinal(plan, final *Plan) {
	if final.Action != plan.Action && (plan.Action != Update || final.Action != NoOp) {
		c.t.Errorf("inconsistent final plan: %s has become %s", plan.Action, final.Action)
	}
	for name, value := range plan.Planned {
		if !fillsIn(value, final.Planned[name]) {
			c.t.Errorf("inconsistent final plan: %s has changed", name)
		}
	}
}

// checkApply holds a result to Terraform's rules: what was planned must be so, and nothing is unknown.
func (c *Core) checkApply(plan *Plan, resp *tfprotov6.ApplyResourceChangeResponse) {
	if len(Diagnostics(resp.Diagnostics).Errors()) > 0 {
		return
	}
	planned, after := c.decode(plan.planned), c.decode(resp.NewState)
	if (planned == nil) != (after == nil) {
		c.t.Errorf("inconsistent result after apply: existence differs from the plan")
		return
	}
	for name, value := range planned {
		switch {
		case after[name] == Unknown:
			c.t.Errorf("inconsistent result after apply: %s is unknown", name)
		case !fillsIn(value, after[name]):
			c.t.Errorf("inconsistent result after apply: %s differs from the plan", name)
		}
	}
}

func (c *Core) encode(value map[string]any) *tfprotov6.DynamicValue {
	return encodeAs(c.t, c.stateType, value)
}

func (c *Core) decode(value *tfprotov6.DynamicValue) map[string]any {
	if value == nil {
		return nil
	}
	decoded, err := value.Unmarshal(c.stateType)
	if err != nil {
		c.t.Fatalf("decoding a value: %s", err)
	}
	if decoded.IsNull() {
		return nil
	}
	object, ok := fromValue(c.t, decoded).(map[string]any)
	if !ok {
		c.t.Fatalf("a resource is an object, not %s", decoded.Type())
	}
	return object
}
