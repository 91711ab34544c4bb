terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

variable "cloud_api_key" {
  description = "Elastic Cloud API key (essu_...) with Cloud, Elasticsearch and Kibana API access, and the role Admin in the project."
  type        = string
  sensitive   = true
}

provider "apm" {
  kibana {
    endpoint = "https://my-project-abc123.kb.eu-west-1.aws.elastic.cloud"
    api_key  = var.cloud_api_key
  }

  elasticsearch {
    endpoints = ["https://my-project-abc123.es.eu-west-1.aws.elastic.cloud"]
  }
}
