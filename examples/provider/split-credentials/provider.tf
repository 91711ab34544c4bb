terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

variable "password" {
  description = "Password of the user who owns the keys."
  type        = string
  sensitive   = true
}

variable "manage_api_key" {
  description = "Elasticsearch API key, encoded, with the cluster privilege manage_api_key."
  type        = string
  sensitive   = true
}

provider "apm" {
  # Creates and changes keys, so it must be a user.
  kibana {
    endpoint = "https://kibana.example.com:5601"
    username = "terraform"
    password = var.password
  }

  # Reads and revokes keys, of every owner.
  elasticsearch {
    endpoints = ["https://elasticsearch.example.com:9200"]
    api_key   = var.manage_api_key
  }
}
