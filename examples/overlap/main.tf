terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

provider "apm" {}

resource "apm_agent_key" "checkout" {
  name       = "checkout"
  privileges = ["event:write", "config_agent:read"]

  expires_in   = "90d"
  rotate_after = "60d"

  # Counted from the moment at which the deployment below has the new key: long enough for a rolling restart.
  revoke_after = "15m"

  lifecycle {
    create_before_destroy = true
  }
}

# Stands for the deployment that uses the key. It changes after the new key is there, and before the old one is retired.
# What makes it change is the time of creation, which is no secret.
resource "terraform_data" "deployment" {
  input = apm_agent_key.checkout.creation
}
