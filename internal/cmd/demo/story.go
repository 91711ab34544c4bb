package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/fakestack"
)

// address is that of the resource in the configuration.
const address = "apm_agent_key.checkout"

// The actions that Terraform plans.
const (
	actionCreate  = "create"
	actionUpdate  = "update"
	actionReplace = "replace"
	actionDelete  = "delete"
)

// withGrace has the key that is replaced live on for an hour.
const withGrace = "-var=revoke_after=1h"

// story is what one step leaves to the next.
type story struct {
	terraform *shown
	stack     *fakestack.Stack
	revoked   credential // The key that is revoked outside.
	rotated   credential // The key that is rotated.
	current   credential // The key in Terraform's state.
}

// credential is a created key as Terraform's outputs hold it.
type credential struct {
	id, encoded string
}

// step is one of the story: it does something and checks what that proves.
type step struct {
	title  string
	do     func(*story, context.Context) error
	proves string
}

// steps are the story.
var steps = []step{
	{"Apply creates an agent key.", (*story).apply,
		"Elasticsearch holds one live agent key, and its owner is the user of the provider's configuration."},
	{"The key is used as APM Server would.", (*story).use,
		"It authenticates, and may send events and read agent configuration, and nothing else."},
	{"A second plan finds nothing to do.", (*story).planNothing,
		"The plan is empty: no difference is made up."},
	{"Somebody revokes the key in Elasticsearch, behind Terraform's back.", (*story).revoke,
		"The key is refused from now on."},
	{"The next plan notices.", (*story).planReplacement,
		"It says that the key is gone and why, and plans a new one."},
	{"Apply replaces the key.", (*story).replace,
		"One live agent key again, another one, and it authenticates."},
	{"Sixty-one days pass, and the next plan rotates the key.", (*story).planRotation,
		"It says that the key is due, by the server's clock: this machine's has not moved."},
	{"Apply rotates the key, and both keys work for an hour.", (*story).rotate,
		"There is no moment without a working key, and whoever has the old one has time to take the new one."},
	{"Two hours later the old key has ended by itself.", (*story).endGrace,
		"The old key is refused, and the new one authenticates."},
	{"Destroy revokes the key.", (*story).destroy,
		"The key is refused: it was revoked, not just forgotten."},
	{"Elasticsearch is asked for every agent key that there is.", (*story).leaveNothing,
		"Three were made in all, and none is alive."},
}

// tell goes through the steps until one is not as told.
func tell(ctx context.Context, s *story, out io.Writer) error {
	for i, step := range steps {
		fmt.Fprintf(out, "\n%d. %s\n", i+1, step.title)
		if err := step.do(s, ctx); err != nil {
			return fmt.Errorf("step %d is not as told: %w", i+1, err)
		}
		fmt.Fprintf(out, "   ok: %s\n", step.proves)
	}
	fmt.Fprintf(out, "\nAll %d steps are as told.\n", len(steps))
	return nil
}

func (s *story) apply(ctx context.Context) error {
	outcome, err := s.terraform.do(ctx, "apply", "-auto-approve")
	if err != nil {
		return err
	}
	if len(outcome.diagnostics) > 0 {
		return errors.New("terraform warned")
	}
	if err := planned(outcome, actionCreate); err != nil {
		return err
	}
	return s.takeOver(ctx)
}

func (s *story) use(ctx context.Context) error {
	// What APM Server asks with every key that it is sent (contract D).
	got, err := s.stack.HasPrivileges(ctx, s.current.encoded, "config_agent:read", "event:write", "sourcemap:write")
	if err != nil {
		return err
	}
	want := map[string]bool{"config_agent:read": true, "event:write": true, "sourcemap:write": false}
	if !maps.Equal(got, want) {
		return fmt.Errorf("the key's privileges are %v, not %v", got, want)
	}
	return nil
}

func (s *story) planNothing(ctx context.Context) error {
	outcome, err := s.terraform.do(ctx, "plan", "-detailed-exitcode")
	if err != nil {
		return err
	}
	if outcome.status != 0 || len(outcome.actions) > 0 || len(outcome.diagnostics) > 0 {
		return fmt.Errorf("the plan has status %d and the actions %v", outcome.status, outcome.actions)
	}
	return nil
}

func (s *story) revoke(ctx context.Context) error {
	if err := s.stack.Invalidate(ctx, s.current.id); err != nil {
		return err
	}
	s.revoked = s.current
	return s.refused(ctx, s.revoked)
}

func (s *story) planReplacement(ctx context.Context) error {
	outcome, err := s.terraform.do(ctx, "plan", "-detailed-exitcode")
	if err != nil {
		return err
	}
	if outcome.status != planHasChanges {
		return fmt.Errorf("the plan has status %d, not %d", outcome.status, planHasChanges)
	}
	if !outcome.warns("checkout", s.revoked.id, "revoked") {
		return errors.New("no warning says that the key was revoked")
	}
	return planned(outcome, actionCreate)
}

func (s *story) replace(ctx context.Context) error {
	outcome, err := s.terraform.do(ctx, "apply", "-auto-approve")
	if err != nil {
		return err
	}
	if err := planned(outcome, actionCreate); err != nil {
		return err
	}
	if err := s.takeOver(ctx); err != nil {
		return err
	}
	if s.current.id == s.revoked.id {
		return errors.New("the new key has the id of the old one")
	}
	if !s.stack.Authenticates(ctx, s.current.encoded) {
		return errors.New("the new key does not authenticate")
	}
	return nil
}

func (s *story) planRotation(ctx context.Context) error {
	// What becomes of the old key is what its state says, so that it is set before.
	outcome, err := s.terraform.do(ctx, "apply", "-auto-approve", withGrace)
	if err != nil {
		return err
	}
	if err := planned(outcome, actionUpdate); err != nil {
		return err
	}
	s.stack.Clock().Advance(61 * 24 * time.Hour)
	outcome, err = s.terraform.do(ctx, "plan", "-detailed-exitcode", withGrace)
	if err != nil {
		return err
	}
	if !outcome.warns("checkout", s.current.id, "rotate_after") {
		return errors.New("no warning says that the key is due")
	}
	return planned(outcome, actionReplace)
}

func (s *story) rotate(ctx context.Context) error {
	s.rotated = s.current
	if _, err := s.terraform.do(ctx, "apply", "-auto-approve", withGrace); err != nil {
		return err
	}
	if err := s.readOutputs(ctx); err != nil {
		return err
	}
	if s.current.id == s.rotated.id {
		return errors.New("the key was not replaced")
	}
	if !s.stack.Authenticates(ctx, s.current.encoded) || !s.stack.Authenticates(ctx, s.rotated.encoded) {
		return errors.New("the keys do not both authenticate")
	}
	return nil
}

func (s *story) endGrace(ctx context.Context) error {
	s.stack.Clock().Advance(2 * time.Hour)
	if !s.stack.Authenticates(ctx, s.current.encoded) {
		return errors.New("the new key does not authenticate")
	}
	return s.refused(ctx, s.rotated)
}

func (s *story) destroy(ctx context.Context) error {
	// Without revoke_after, which again the state must say, the key is revoked at once.
	if _, err := s.terraform.do(ctx, "apply", "-auto-approve"); err != nil {
		return err
	}
	outcome, err := s.terraform.do(ctx, "destroy", "-auto-approve")
	if err != nil {
		return err
	}
	if err := planned(outcome, actionDelete); err != nil {
		return err
	}
	return s.refused(ctx, s.current)
}

func (s *story) leaveNothing(ctx context.Context) error {
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	if len(live) > 0 {
		return fmt.Errorf("%d keys are alive", len(live))
	}
	for _, key := range []credential{s.revoked, s.rotated, s.current} {
		if err := s.refused(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// takeOver reads the key in Terraform's state and makes sure that it is the one live key.
func (s *story) takeOver(ctx context.Context) error {
	if err := s.readOutputs(ctx); err != nil {
		return err
	}
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	if len(live) != 1 || live[0].ID != s.current.id || live[0].Username != username {
		return fmt.Errorf("of %d live keys, not one alone is the key in the state and owned by %s", len(live), username)
	}
	return nil
}

// readOutputs reads the key in Terraform's state.
func (s *story) readOutputs(ctx context.Context) error {
	id, err := s.terraform.output(ctx, "id")
	if err != nil {
		return err
	}
	encoded, err := s.terraform.output(ctx, "encoded")
	if err != nil {
		return err
	}
	s.current = credential{id: id, encoded: encoded}
	return nil
}

// live returns the agent keys that are neither revoked nor expired.
func (s *story) live(ctx context.Context) ([]fakestack.KeyRecord, error) {
	keys, err := s.stack.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var live []fakestack.KeyRecord
	for _, key := range keys {
		if !key.Invalidated && (key.Expiration.IsZero() || key.Expiration.After(s.stack.Clock().Now())) {
			live = append(live, key)
		}
	}
	return live, nil
}

func (s *story) refused(ctx context.Context, key credential) error {
	if s.stack.Authenticates(ctx, key.encoded) {
		return errors.New("the key still authenticates")
	}
	return nil
}

// planned makes sure that the action is the only one.
func planned(outcome *outcome, action string) error {
	if want := map[string]string{address: action}; !maps.Equal(outcome.actions, want) {
		return fmt.Errorf("the plan's actions are %v, not %v", outcome.actions, want)
	}
	return nil
}
