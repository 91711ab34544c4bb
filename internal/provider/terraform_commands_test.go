package provider_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/elastic/terraform-provider-apm/internal/acctest"
)

// TestAccTerraform_commandsBehaveWithAllArgumentsSet takes one key through -refresh-only, -refresh=false, moved, -replace,
// removed, import, plan -generate-config-out and destroy, with the real terraform.
func TestAccTerraform_commandsBehaveWithAllArgumentsSet(t *testing.T) {
	t.Parallel()
	w := acctest.New(t)
	source := "terraform {\n  required_providers {\n    apm = { source = \"elastic/apm\" }\n  }\n}\n" + w.Config("")
	key := func(name string) string {
		return fmt.Sprintf(`
resource "apm_agent_key" %q {
  name                = "checkout"
  privileges          = ["event:write", "config_agent:read"]
  expires_in          = "90d"
  rotate_after        = "60d"
  rotate_when_changed = { release = "1" }
  revoke_after        = "1h"

  timeouts {
    create = "2m"
    update = "2m"
  }
}
`, name)
	}
	c := newCLI(t, source+key("checkout"), nil)
	unchanged := func(name string, more ...string) {
		t.Helper()
		if status := c.run(name, nil, append([]string{"plan", "-input=false", "-detailed-exitcode"}, more...)...); status != 0 {
			t.Errorf("%s: the plan has status %d\n%s%s", name, status, c.read(name+".out"), c.read(name+".err"))
		}
	}
	apply := func(name string, more ...string) {
		t.Helper()
		c.must(name, append([]string{"apply", "-input=false", "-auto-approve"}, more...)...)
	}
	apply("create")
	first := w.LiveKeys(t)
	if len(first) != 1 {
		t.Fatalf("%d live keys after the creation", len(first))
	}
	unchanged("plan")
	// Its exit code is not asked for: Terraform lists the sensitive attributes of a state in any order, and takes another
	// order for a change.
	c.must("refresh-only", "plan", "-input=false", "-no-color", "-refresh-only")
	if !strings.Contains(c.read("refresh-only.out"), "Your infrastructure still matches the configuration") {
		t.Errorf("-refresh-only finds changes:\n%s", c.read("refresh-only.out"))
	}

	// By now the key is older than a second, which -refresh=false does not look at.
	time.Sleep(1100 * time.Millisecond)
	c.write("main.tf", source+strings.Replace(key("checkout"), `"60d"`, `"1s"`, 1))
	for refresh, rotates := range map[string]bool{"-refresh=false": false, "-refresh=true": true} {
		c.must(refresh, "plan", "-input=false", "-no-color", refresh)
		for _, text := range []string{"must be replaced", "due for rotation"} {
			if strings.Contains(c.read(refresh+".out"), text) != rotates {
				t.Errorf("%s: that the plan says %q should be %t:\n%s", refresh, text, rotates, c.read(refresh+".out"))
			}
		}
	}

	c.write("main.tf", source+key("basket")+"\nmoved {\n  from = apm_agent_key.checkout\n  to   = apm_agent_key.basket\n}\n")
	apply("moved")
	onlyAlive(t, w, first...)
	unchanged("plan after moved")

	apply("replace", "-replace=apm_agent_key.basket")
	live := w.LiveKeys(t)
	if len(live) != 2 {
		t.Fatalf("%d live keys after -replace, not the new one and the old one in its grace period", len(live))
	}
	endsInAnHour(t, w, first[0])
	second := live[0]
	if second == first[0] {
		second = live[1]
	}

	c.write("main.tf", source+"\nremoved {\n  from = apm_agent_key.basket\n  lifecycle {\n    destroy = false\n  }\n}\n")
	apply("removed")
	onlyAlive(t, w, first[0], second)

	c.write("main.tf", source+fmt.Sprintf("\nimport {\n  to = apm_agent_key.checkout\n  id = %q\n}\n", second))
	c.must("generate", "plan", "-input=false", "-generate-config-out=generated.tf")
	if generated := c.read("generated.tf"); !strings.Contains(generated, `"checkout"`) || !strings.Contains(generated, `"config_agent:read"`) {
		t.Errorf("the generated configuration lacks the name or the privileges:\n%s", generated)
	}
	apply("import")
	onlyAlive(t, w, first[0], second)
	unchanged("plan after import")

	c.must("destroy", "destroy", "-input=false", "-auto-approve")
	onlyAlive(t, w, first[0]) // In its grace period still.
}
