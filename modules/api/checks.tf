# The type is none unless it is said: who only names a secret would call the API without it.
check "credentials_are_sent" {
  assert {
    # Step by step: the ARN may be known after the apply only.
    condition     = var.api.auth.type != "none" ? true : (var.api.auth.secret_arn == null && var.api.auth.token_url == null && length(var.api.auth.resource_arns) == 0)
    error_message = "${var.name}: No credentials are sent to ${var.api.base_url}: api.auth.type is none, though api.auth has secret_arn, token_url or resource_arns. Set it to bearer, api_key, basic, oauth2_client_credentials or aws_iam, or leave these out."
  }
}
