terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

provider "apm" {}

variable "release" {
  description = "Version of the service that is being released."
  type        = string
}

# Each release gets a key of its own. The old one works while the release rolls out.
resource "apm_agent_key" "checkout" {
  name       = "checkout"
  privileges = ["event:write"]

  rotate_when_changed = {
    release = var.release
  }
  revoke_after = "2h"
}
