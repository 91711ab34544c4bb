package acctest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// recorder notes the errors of a test instead of failing it.
type recorder struct {
	testing.TB
	errors []string
}

// Errorf implements testing.TB.
func (r *recorder) Errorf(format string, arguments ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, arguments...))
}

// tampered is a provider whose answers a test changes.
type tampered struct {
	tfprotov6.ProviderServer

	kind  tftypes.Type
	plan  func(*tfprotov6.PlanResourceChangeRequest, *tfprotov6.PlanResourceChangeResponse)
	apply func(*tfprotov6.ApplyResourceChangeRequest, *tfprotov6.ApplyResourceChangeResponse)
	read  func(*tfprotov6.ReadResourceResponse)
}

// PlanResourceChange implements tfprotov6.ResourceServer.
func (s *tampered) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := s.ProviderServer.PlanResourceChange(ctx, req)
	if s.plan != nil {
		s.plan(req, resp)
	}
	return resp, err
}

// ApplyResourceChange implements tfprotov6.ResourceServer.
func (s *tampered) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := s.ProviderServer.ApplyResourceChange(ctx, req)
	if s.apply != nil {
		s.apply(req, resp)
	}
	return resp, err
}

// ReadResource implements tfprotov6.ResourceServer.
func (s *tampered) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := s.ProviderServer.ReadResource(ctx, req)
	if s.read != nil {
		s.read(resp)
	}
	return resp, err
}

// with returns the object with another value of an attribute that is a string.
func (s *tampered) with(t *testing.T, object *tfprotov6.DynamicValue, name string, to any) *tfprotov6.DynamicValue {
	t.Helper()
	value, err := object.Unmarshal(s.kind)
	if err != nil {
		t.Fatalf("decoding an object: %s", err)
	}
	changed, err := tftypes.Transform(value, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if at.Equal(tftypes.NewAttributePath().WithAttributeName(name)) {
			return tftypes.NewValue(tftypes.String, to), nil
		}
		return value, nil
	})
	if err != nil {
		t.Fatalf("changing an object: %s", err)
	}
	encoded, err := tfprotov6.NewDynamicValue(s.kind, changed)
	if err != nil {
		t.Fatalf("encoding an object: %s", err)
	}
	return &encoded
}

// tamper returns a Core over a provider that can be tampered with, and what the Core finds wrong with it.
func tamper(t *testing.T) (*acctest.Core, *tampered, *recorder) {
	t.Helper()
	w := acctest.New(t)
	server, err := w.Factories()["apm"]()
	if err != nil {
		t.Fatalf("starting the provider: %s", err)
	}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatalf("asking for the schema: %s", err)
	}
	s := &tampered{ProviderServer: server, kind: schemas.ResourceSchemas["apm_agent_key"].ValueType()}
	found := &recorder{TB: t}
	factory := func() (tfprotov6.ProviderServer, error) { return s, nil }
	return acctest.NewCore(found, factory, w.ProviderConfig(w.BasicAuth(), nil)), s, found
}

// expect fails the test unless the Core has found exactly this.
func (r *recorder) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(r.errors, want) {
		t.Errorf("the Core has found %q instead of %q", r.errors, want)
	}
}

func TestCore_findsNothingWrongWithTheProvider(t *testing.T) {
	t.Parallel()
	core, _, found := tamper(t)
	for _, config := range []map[string]any{keyConfig("old"), keyConfig("new"), nil} {
		if diagnostics := core.Run(config); len(diagnostics) > 0 {
			t.Fatalf("unexpected diagnostics:\n%s", diagnostics)
		}
	}
	found.expect(t)
}

func TestCore_findsAPlanThatIsNotTheConfiguration(t *testing.T) {
	t.Parallel()
	core, s, found := tamper(t)
	s.plan = func(_ *tfprotov6.PlanResourceChangeRequest, resp *tfprotov6.PlanResourceChangeResponse) {
		resp.PlannedState = s.with(t, resp.PlannedState, "name", "other")
	}
	core.Plan(keyConfig("checkout"))
	found.expect(t, "invalid plan: name is planned otherwise than configured")
}

func TestCore_findsADestructionThatLeavesSomething(t *testing.T) {
	t.Parallel()
	core, s, found := tamper(t)
	core.Run(keyConfig("checkout"))
	s.plan = func(req *tfprotov6.PlanResourceChangeRequest, resp *tfprotov6.PlanResourceChangeResponse) {
		resp.PlannedState = req.PriorState
	}
	core.Plan(nil)
	found.expect(t, "invalid plan: a destruction is planned to leave something")
}

func TestCore_findsAPlanThatChangesWhenItIsApplied(t *testing.T) {
	t.Parallel()
	core, s, found := tamper(t)
	plans := 0
	s.plan = func(_ *tfprotov6.PlanResourceChangeRequest, resp *tfprotov6.PlanResourceChangeResponse) {
		plans++
		resp.PlannedState = s.with(t, resp.PlannedState, "realm", fmt.Sprintf("realm %d", plans))
	}
	s.apply = func(_ *tfprotov6.ApplyResourceChangeRequest, resp *tfprotov6.ApplyResourceChangeResponse) {
		resp.NewState = s.with(t, resp.NewState, "realm", "realm 2")
	}
	core.Run(keyConfig("checkout"))
	found.expect(t, "inconsistent final plan: realm has changed")
}

func TestCore_findsAnUpdateThatBecomesAReplacementWhenItIsApplied(t *testing.T) {
	t.Parallel()
	core, s, found := tamper(t)
	core.Run(keyConfig("checkout"))
	config := keyConfig("checkout")
	config["timeouts"] = map[string]any{"create": "1m"}
	plan := core.Plan(config)
	if plan.Action != acctest.Update {
		t.Fatalf("the plan is to %s", plan.Action)
	}
	s.plan = func(_ *tfprotov6.PlanResourceChangeRequest, resp *tfprotov6.PlanResourceChangeResponse) {
		resp.RequiresReplace = []*tftypes.AttributePath{tftypes.NewAttributePath().WithAttributeName("name")}
	}
	core.Apply(plan)
	if !slices.Contains(found.errors, "inconsistent final plan: update has become replace") {
		t.Errorf("the Core has found %q", found.errors)
	}
}

func TestCore_findsAResultThatIsNotThePlan(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(t *testing.T, s *tampered, resp *tfprotov6.ApplyResourceChangeResponse){
		"inconsistent result after apply: name differs from the plan": func(t *testing.T, s *tampered, resp *tfprotov6.ApplyResourceChangeResponse) {
			resp.NewState = s.with(t, resp.NewState, "name", "other")
		},
		"inconsistent result after apply: creation is unknown": func(t *testing.T, s *tampered, resp *tfprotov6.ApplyResourceChangeResponse) {
			resp.NewState = s.with(t, resp.NewState, "creation", tftypes.UnknownValue)
		},
		"inconsistent result after apply: existence differs from the plan": func(t *testing.T, s *tampered, resp *tfprotov6.ApplyResourceChangeResponse) {
			gone, err := tfprotov6.NewDynamicValue(s.kind, tftypes.NewValue(s.kind, nil))
			if err != nil {
				t.Fatalf("encoding an object: %s", err)
			}
			resp.NewState = &gone
		},
	} {
		t.Run(strings.ReplaceAll(want, "inconsistent result after apply: ", ""), func(t *testing.T) {
			t.Parallel()
			core, s, found := tamper(t)
			s.apply = func(_ *tfprotov6.ApplyResourceChangeRequest, resp *tfprotov6.ApplyResourceChangeResponse) {
				change(t, s, resp)
			}
			core.Run(keyConfig("checkout"))
			found.expect(t, want)
		})
	}
}

func TestCore_importsNothingThatCannotBeRead(t *testing.T) {
	t.Parallel()
	core, s, _ := tamper(t)
	core.Run(keyConfig("checkout"))
	id, _ := core.State()["id"].(string)
	core.SetState(nil)
	s.read = func(resp *tfprotov6.ReadResourceResponse) {
		resp.Diagnostics = append(resp.Diagnostics, &tfprotov6.Diagnostic{Severity: tfprotov6.DiagnosticSeverityError, Summary: "unreadable"})
	}
	if errs := core.Import(id).Errors(); len(errs) != 1 || core.State() != nil {
		t.Errorf("%d errors, and a state: %t", len(errs), core.State() != nil)
	}
}

func TestCore_passesThePrivateDataOnAsTerraformDoes(t *testing.T) {
	t.Parallel()
	core, s, _ := tamper(t)
	core.Run(keyConfig("old"))
	var got []string
	plans := 0
	s.plan = func(req *tfprotov6.PlanResourceChangeRequest, resp *tfprotov6.PlanResourceChangeResponse) {
		plans++
		got = append(got, fmt.Sprintf("plan %d: %s", plans, req.PriorPrivate))
		resp.PlannedPrivate = fmt.Appendf(nil, `{"plan":%q}`, base64.StdEncoding.EncodeToString([]byte{'0' + byte(plans)}))
	}
	s.apply = func(req *tfprotov6.ApplyResourceChangeRequest, _ *tfprotov6.ApplyResourceChangeResponse) {
		got = append(got, fmt.Sprintf("apply: %s", req.PlannedPrivate))
	}
	core.Run(keyConfig("new"))
	want := []string{
		"plan 1: ",
		`plan 2: {"plan":"MQ=="}`, // of the creation, after that of the change
		`apply: {"plan":"Mg=="}`,  // the destruction, which is not planned by itself
		"plan 3: ",                // of the creation, once more
		`apply: {"plan":"Mw=="}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("private data (-want +got):\n%s", diff)
	}
}
