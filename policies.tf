# What the functions may do beyond what every function may: documents only, each attached by its room.

data "aws_iam_policy_document" "start_batches" {
  statement {
    sid       = "StartBatches"
    actions   = ["states:StartExecution"]
    resources = [module.workflow.state_machine_arn]
  }
}

locals {
  needs_secret = contains(["bearer", "api_key", "basic", "oauth2_client_credentials"], var.api.auth.type)
  secret_arns  = compact([local.needs_secret ? var.api.auth.secret_arn : null, var.api.ca_bundle_secret_arn])

  # Requests signed with SigV4 for an API behind IAM.
  signs          = var.api.auth.type == "aws_iam"
  gateway        = try(regex("^https://([a-z0-9]+)\\.execute-api\\.([a-z0-9-]+)\\.", var.api.base_url), null)
  signing_region = coalesce(var.api.auth.region, try(local.gateway[1], null), local.account.region)
  signing_action = { execute-api = "execute-api:Invoke", lambda = "lambda:InvokeFunctionUrl" }[var.api.auth.service]

  # An API's id is its own in every account, and the API may be another account's.
  gateway_arns = local.gateway == null ? [] : ["arn:${local.account.partition}:execute-api:${local.signing_region}:*:${local.gateway[0]}/*"]
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
    for_each = var.api.secrets_kms_key_arn == null ? [] : [var.api.secrets_kms_key_arn]

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
