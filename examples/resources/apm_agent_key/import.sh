# By its id. The secret cannot be read back: api_key and encoded stay null.
terraform import apm_agent_key.checkout VuaCfGcBCdbkQm-e5aOx

# By its encoded value, which keeps the secret. Terraform prints the import id, so its output is thrown away;
# what the shell keeps in its history is the name of the file.
terraform import apm_agent_key.checkout "$(cat checkout.key)" > /dev/null
