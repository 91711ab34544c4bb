package acctest

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// Snapshot is what Terraform keeps between two commands.
type Snapshot struct {
	state   *tfprotov6.DynamicValue
	private []byte
	tainted bool
	deposed []*Plan
}

// Snapshot returns what is kept now.
func (c *Core) Snapshot() Snapshot {
	return Snapshot{c.state, c.private, c.tainted, slices.Clone(c.deposed)}
}

// Restore goes back to a snapshot, as if the commands since had never saved anything.
func (c *Core) Restore(s Snapshot) {
	c.state, c.private, c.tainted, c.deposed = s.state, s.private, s.tainted, s.deposed
}
