resource "apm_agent_key" "checkout" {
  name       = "checkout"
  privileges = ["event:write", "config_agent:read"]

  expires_in   = "90d" # Elasticsearch ends it then, whatever happens to Terraform.
  rotate_after = "60d" # The first plan after that replaces it.
  revoke_after = "1h"  # When it is replaced or destroyed, it works that long.
}

output "otel_exporter_otlp_headers" {
  description = "OTEL_EXPORTER_OTLP_HEADERS of an OpenTelemetry SDK."
  value       = "Authorization=ApiKey ${apm_agent_key.checkout.encoded}"
  sensitive   = true
}
