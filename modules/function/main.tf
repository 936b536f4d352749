locals {
  # Built from its parts, so that the plan of a first apply shows every policy that names the function.
  arn           = "arn:${var.context.account.partition}:lambda:${var.context.account.region}:${var.context.account.id}:function:${var.name}"
  log_group_arn = "arn:${var.context.account.partition}:logs:${var.context.account.region}:${var.context.account.id}:log-group:${local.log_group_name}"

  log_group_name = var.lambda.log_group == null ? "/aws/lambda/${var.name}" : var.lambda.log_group.name

  # A role of the user's needs the same policy; it is an output.
  role_arn = var.lambda.role == null ? one(aws_iam_role.this[*].arn) : var.lambda.role.arn

  # Lambda measures the variables as one JSON text, keys, quotes and escapes included, and allows 4 KB for it:
  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  environment_limit_bytes = 4096
  environment_bytes       = ceil(length(base64encode(jsonencode(var.environment))) * 3 / 4)
}

# Made before the function, which would otherwise make its own, without a retention.
resource "aws_cloudwatch_log_group" "this" {
  count = var.lambda.log_group == null ? 1 : 0

  #checkov:skip=CKV_AWS_338:How long logs are kept is the user's decision (log_retention_days).
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own unless the user names one (kms_key_arn).
  name              = local.log_group_name
  retention_in_days = var.execution.log_retention_days
  kms_key_id        = var.execution.kms_key_arn
  tags              = var.context.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_117:The application's API may be public; vpc puts the function into a VPC.
  #checkov:skip=CKV_AWS_115:Reserving takes from the account's other functions: the user's decision (lambda.reserved_concurrency).
  #checkov:skip=CKV_AWS_116:An asynchronous failure goes to the on-failure destination, which tells more than a dead-letter queue.
  #checkov:skip=CKV_AWS_173:Lambda encrypts the environment with a key of its own unless the user names one (kms_key_arn). It holds no secret.
  #checkov:skip=CKV_AWS_272:The packages come with the module, reproducible from its source; signing needs a profile of the user's.
  function_name = var.name
  description   = var.description
  role          = local.role_arn

  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "${trimsuffix(basename(var.package), ".zip")}.handler.handler"
  layers           = var.lambda.layers
  runtime          = var.lambda.runtime
  architectures    = [var.lambda.architecture]

  memory_size                    = var.lambda.memory_mb
  timeout                        = var.lambda.timeout_seconds
  reserved_concurrent_executions = coalesce(var.lambda.reserved_concurrency, -1)
  kms_key_arn                    = var.execution.kms_key_arn

  environment {
    variables = var.environment
  }

  # Where it is left out, Lambda writes text to a group of the function's name.
  dynamic "logging_config" {
    for_each = var.lambda.log_format == null && var.lambda.log_group == null ? [] : [coalesce(var.lambda.log_format, "Text")]

    content {
      log_format = logging_config.value
      log_group  = local.log_group_name
    }
  }

  tracing_config {
    mode = var.execution.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  tags = var.context.tags

  lifecycle {
    precondition {
      condition     = local.environment_bytes <= local.environment_limit_bytes
      error_message = "The settings of ${var.name} need ${local.environment_bytes} bytes of environment variables; Lambda allows ${local.environment_limit_bytes} for all of a function's. Shorten ${var.environment_source}."
    }
  }

  # A function invoked before its role may write a log line loses it.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.asynchronous == null ? 0 : 1

  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = var.asynchronous.maximum_retry_attempts
  maximum_event_age_in_seconds = var.asynchronous.maximum_event_age_seconds

  destination_config {
    on_failure {
      destination = var.asynchronous.failure_function_arn
    }
  }
}
