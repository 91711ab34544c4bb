terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

# KIBANA_ENDPOINT, KIBANA_USERNAME, KIBANA_PASSWORD and ELASTICSEARCH_ENDPOINTS say the rest.
provider "apm" {}
