locals {
  # Built from its parts, so that the plan of a first apply shows every policy and environment that names it.
  arn = "arn:${var.context.account.partition}:states:${var.context.account.region}:${var.context.account.id}:stateMachine:${var.name}"

  # Under this prefix the account's log resource policy, limited to 5,120 characters, need not name the group:
  # https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
  log_group_name = "/aws/vendedlogs/states/${var.name}"

  incomplete_error = "RedriveIncomplete"

  # How Summarise and the notifications are retried on trouble of AWS's own.
  transient = { max_attempts = 4, interval_seconds = 2, max_delay_seconds = 30 }

  # A throttled invocation sent nothing: it waits for its turn, and reserved concurrency is a brake, not a failure.
  throttled = { max_attempts = 20, interval_seconds = 2, max_delay_seconds = 60 }

  publish_timeout_seconds = 30
  # Lambda ends the function first, so that the error says what really happened.
  requeue_timeout_seconds   = var.requeue_function.timeout_seconds + 5
  summarise_timeout_seconds = var.summarise_function.timeout_seconds + 5

  definition = templatefile("${path.module}/templates/batch.asl.json.tftpl", {
    partition                   = var.context.account.partition
    timeout_seconds             = local.timeout_seconds
    max_concurrency             = var.max_concurrency
    requeue_function_arn        = var.requeue_function.arn
    requeue_timeout_seconds     = local.requeue_timeout_seconds
    retry_max_attempts          = var.retry.max_attempts
    retry_interval_seconds      = var.retry.interval_seconds
    retry_backoff_rate          = var.retry.backoff_rate
    retry_max_delay_seconds     = var.retry.max_delay_seconds
    throttled_max_attempts      = local.throttled.max_attempts
    throttled_interval_seconds  = local.throttled.interval_seconds
    throttled_max_delay_seconds = local.throttled.max_delay_seconds
    summarise_function_arn      = var.summarise_function.arn
    summarise_timeout_seconds   = local.summarise_timeout_seconds
    transient_max_attempts      = local.transient.max_attempts
    transient_interval_seconds  = local.transient.interval_seconds
    transient_max_delay_seconds = local.transient.max_delay_seconds
    topic_arn                   = var.topic.arn
    publish_timeout_seconds     = local.publish_timeout_seconds
    incomplete_error            = local.incomplete_error
  })
}

# The longest an execution can rightly take, with every attempt running to its end and every wait at its longest.
# Whatever takes longer hangs, and is ended and reported as TIMED_OUT.
locals {
  longest_waits_seconds = sum(concat([0], [
    for attempt in range(var.retry.max_attempts) :
    min(var.retry.interval_seconds * pow(var.retry.backoff_rate, attempt), var.retry.max_delay_seconds)
  ]))
  throttled_waits_seconds = sum([
    for attempt in range(local.throttled.max_attempts) :
    min(local.throttled.interval_seconds * pow(2, attempt), local.throttled.max_delay_seconds)
  ])
  longest_item_seconds = (
    (1 + var.retry.max_attempts + local.throttled.max_attempts) * local.requeue_timeout_seconds
    + local.longest_waits_seconds
    + local.throttled_waits_seconds
  )
  longest_map_seconds = ceil(var.batch_size / var.max_concurrency) * local.longest_item_seconds

  longest_summary_seconds = (
    (local.transient.max_attempts + 1) * (local.summarise_timeout_seconds + local.publish_timeout_seconds)
    + 2 * local.transient.max_attempts * local.transient.max_delay_seconds
  )

  timeout_seconds = ceil(local.longest_map_seconds + local.longest_summary_seconds)
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is the user's decision (log_retention_days).
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own unless the user names one (kms_key_arn).
  name              = local.log_group_name
  retention_in_days = var.execution.log_retention_days
  kms_key_id        = var.execution.kms_key_arn
  tags              = var.context.tags
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_285:Errors are logged; the history of every execution is kept by Step Functions itself for 90 days.
  name       = var.name
  type       = "STANDARD"
  role_arn   = aws_iam_role.this.arn
  definition = local.definition

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${local.log_group_arn}:*"
  }

  tracing_configuration {
    enabled = var.execution.tracing
  }

  dynamic "encryption_configuration" {
    for_each = var.execution.kms_key_arn == null ? [] : [var.execution.kms_key_arn]

    content {
      type                              = "CUSTOMER_MANAGED_KMS_KEY"
      kms_key_id                        = encryption_configuration.value
      kms_data_key_reuse_period_seconds = 300
    }
  }

  tags = var.context.tags

  # AWS checks at creation that the role may write to the log.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}
