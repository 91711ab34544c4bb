terraform {
  required_providers {
    apm = {
      source  = "elastic/apm"
      version = "~> 0.1"
    }
  }
}

variable "cloud_id" {
  description = "Cloud ID of the deployment, from its page in the Elastic Cloud console."
  type        = string
}

variable "password" {
  description = "Password of the user who owns the keys."
  type        = string
  sensitive   = true
}

provider "apm" {
  cloud_id = var.cloud_id

  kibana {
    username = "terraform"
    password = var.password
  }
}
