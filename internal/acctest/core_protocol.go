package acctest

import (
	"bytes"
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const resourceType = "apm_agent_key"

// start starts a provider, and configures it if asked to.
func (c *Core) start(configure bool) (tfprotov6.ProviderServer, Diagnostics) {
	c.t.Helper()
	server, err := c.factory()
	if err != nil {
		c.t.Fatalf("starting the provider: %s", err)
	}
	if !configure {
		return server, nil
	}
	ctx := context.Background()
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
	resp, err := server.ValidateResourceConfig(context.Background(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: resourceType, Config: c.encode(config),
	})
	if err != nil {
		c.t.Fatalf("validating: %s", err)
	}
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
	plan := &Plan{prior: prior, priorPrivate: priorPrivate, config: c.encode(config)}
	if prior == nil {
		plan.prior = c.encode(nil)
	}
	before := c.decode(plan.prior)
	if config == nil && before == nil {
		plan.Action = NoOp
		return plan
	}
	resp, err := server.PlanResourceChange(context.Background(), &tfprotov6.PlanResourceChangeRequest{
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
	c.checkPlan(plan, config)
	switch {
	case config == nil:
		plan.Action = Delete
	case before == nil:
		plan.Action = Create
	case bytes.Equal(canonical(c.t, c.stateType, plan.planned), canonical(c.t, c.stateType, plan.prior)):
		plan.Action = NoOp
	case len(plan.RequiresReplace) > 0:
		plan.Action = Replace
		plan.replacement = c.plan(server, config, nil, nil)
		plan.Diagnostics = append(plan.Diagnostics, plan.replacement.Diagnostics...)
		plan.Planned = plan.replacement.Planned
	default:
		plan.Action = Update
	}
	return plan
}

// apply applies a creation, an update or a destruction, and returns the new state.
func (c *Core) apply(ctx context.Context, server tfprotov6.ProviderServer, plan *Plan) (*tfprotov6.DynamicValue, []byte, Diagnostics) {
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
	proposed := map[string]any{}
	for name, value := range config {
		proposed[name] = value
	}
	for _, name := range computed {
		if prior == nil {
			proposed[name] = Unknown
		} else {
			proposed[name] = prior[name]
		}
	}
	return c.encode(proposed)
}

// computed are the attributes that are computed and cannot be configured.
var computed = []string{"id", "api_key", "encoded", "creation", "expiration", "username", "realm"}

// checkPlan holds a plan to Terraform's rules: what is configured must be planned as it is.
func (c *Core) checkPlan(plan *Plan, config map[string]any) {
	for name, value := range config {
		if value != nil && !equal(value, plan.Planned[name]) {
			c.t.Errorf("invalid plan: %s is configured, and planned otherwise", name)
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
		case value != Unknown && !equal(value, after[name]):
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

func canonical(t fataler, kind tftypes.Type, value *tfprotov6.DynamicValue) []byte {
	decoded, err := value.Unmarshal(kind)
	if err != nil {
		t.Fatalf("decoding a value: %s", err)
	}
	encoded, err := tfprotov6.NewDynamicValue(kind, decoded)
	if err != nil {
		t.Fatalf("encoding a value: %s", err)
	}
	return encoded.MsgPack
}
