terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

provider "apm" {}

# With a plan applied at least once a week, the key is replaced at an age of 60 to 67 days. If nothing is applied for
# a month, Elasticsearch ends it after 90.
resource "apm_agent_key" "checkout" {
  name       = "checkout"
  privileges = ["event:write", "config_agent:read"]

  expires_in   = "90d"
  rotate_after = "60d"
}

output "checkout_key_ends" {
  value = apm_agent_key.checkout.expiration
}
