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

provider "apm" {
  kibana {
    endpoint = "https://kibana.example.com:5601"
    username = "terraform"
    password = var.password
  }

  # Without credentials of its own this side uses those above.
  elasticsearch {
    endpoints = ["https://elasticsearch.example.com:9200"]
  }
}
