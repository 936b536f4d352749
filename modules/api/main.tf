# What the functions are told of the API. A null would only take space.
locals {
  auth = {
    type       = var.api.auth.type
    secret_arn = var.api.auth.secret_arn
    header     = var.api.auth.type == "api_key" ? var.api.auth.header : null
    token_url  = var.api.auth.token_url
    scope      = var.api.auth.scope
    audience   = var.api.auth.audience
    client_in  = var.api.auth.client_in == "header" ? null : var.api.auth.client_in
    service    = local.signs ? var.api.auth.service : null
    region     = local.signs ? local.signing_region : null
  }
  settings = { for key, value in {
    base_url                = var.api.base_url
    auth                    = { for key, value in local.auth : key => value if value != null }
    headers                 = var.api.headers
    connect_timeout_seconds = var.api.connect_timeout_seconds
    read_timeout_seconds    = var.api.read_timeout_seconds
    ca_bundle_secret_arn    = var.api.ca_bundle_secret_arn
  } : key => value if value != null }
}

# What they may do to call it.
locals {
  needs_secret = contains(["bearer", "api_key", "basic", "oauth2_client_credentials"], var.api.auth.type)
  secret_arns  = compact([local.needs_secret ? var.api.auth.secret_arn : null, var.api.ca_bundle_secret_arn])

  # Requests signed with SigV4 for an API behind IAM.
  signs          = var.api.auth.type == "aws_iam"
  gateway        = try(regex("^https://([a-z0-9]+)\\.execute-api\\.", var.api.base_url), null)
  url_region     = try(regex("^https://[a-z0-9-]+\\.(?:execute-api|lambda-url)\\.([a-z0-9-]+)\\.", var.api.base_url)[0], null)
  signing_region = coalesce(var.api.auth.region, local.url_region, var.account.region)
  signing_action = { execute-api = "execute-api:Invoke", lambda = "lambda:InvokeFunctionUrl" }[var.api.auth.service]

  # An API's id is its own in every account, and the API may be another account's.
  gateway_arns = local.gateway == null ? [] : ["arn:${var.account.partition}:execute-api:${local.signing_region}:*:${local.gateway[0]}/*"]
  signing_arns = length(var.api.auth.resource_arns) > 0 ? var.api.auth.resource_arns : local.gateway_arns
}

data "aws_iam_policy_document" "call_api" {
  dynamic "statement" {
    for_each = length(local.secret_arns) > 0 ? [local.secret_arns] : []

    content {
      sid       = "ReadSecretsOfTheApi"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = var.api.secrets_kms_key_arn == null || length(local.secret_arns) == 0 ? [] : [var.api.secrets_kms_key_arn]

    content {
      sid       = "DecryptSecretsOfTheApi"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:SecretARN"
        values   = local.secret_arns
      }
    }
  }

  dynamic "statement" {
    for_each = local.signs ? [local.signing_arns] : []

    content {
      sid       = "CallTheApi"
      actions   = [local.signing_action]
      resources = statement.value
    }
  }

  # A function URL made since October 2025 asks for both:
  # https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
  dynamic "statement" {
    for_each = local.signs && var.api.auth.service == "lambda" ? [local.signing_arns] : []

    content {
      sid       = "CallTheFunctionByItsUrl"
      actions   = ["lambda:InvokeFunction"]
      resources = statement.value

      condition {
        test     = "Bool"
        variable = "lambda:InvokedViaFunctionUrl"
        values   = ["true"]
      }
    }
  }
}
