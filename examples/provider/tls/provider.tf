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
  # Each side has TLS settings of its own.
  kibana {
    endpoint = "https://kibana.example.com:5601"
    username = "terraform"
    password = var.password
    ca_file  = "/etc/ssl/example/ca.pem"
  }

  elasticsearch {
    endpoints      = ["https://elasticsearch.example.com:9200"]
    ca_fingerprint = "A5:2D:D9:35:11:E8:C6:04:5E:21:F1:66:54:B7:7C:9E:E0:F3:4A:EA:26:D9:F4:03:20:B5:31:C4:74:67:62:28"
  }
}
