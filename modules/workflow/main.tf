locals {
  # Built from its parts, so that the plan of a first apply shows every policy and environment that names it.
  arn = "arn:${var.context.account.partition}:states:${var.context.account.region}:${var.context.account.id}:stateMachine:${var.name}"

  # Step Functions calls the machine of the children <name>/<label>.
  label = "batches"

  # Under this prefix the account's log resource policy, limited to 5,120 characters, need not name the group:
  # https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
  log_group_name = var.log_group == null ? "/aws/vendedlogs/states/${var.name}" : var.log_group.name

  incomplete_error = "RunIncomplete"

  publish_timeout_seconds = 30

  # Lambda ends the function first, so that the error says what really happened.
  batch_timeout_seconds    = var.batch_function.timeout_seconds + 5
  requeue_timeout_seconds  = var.requeue_function.timeout_seconds + 5
  conclude_timeout_seconds = var.conclude_function.timeout_seconds + 5

  definition = templatefile("${path.module}/templates/run.asl.json.tftpl", {
    partition                = var.context.account.partition
    label                    = local.label
    timeout_seconds          = local.timeout_seconds
    batches_at_a_time        = local.batches_at_a_time
    communications_at_a_time = local.communications_at_a_time
    batch_function_arn       = var.batch_function.arn
    batch_timeout_seconds    = local.batch_timeout_seconds
    requeue_function_arn     = var.requeue_function.arn
    requeue_timeout_seconds  = local.requeue_timeout_seconds
    requeue_retry            = "[${local.retriers.unavailable}, ${local.retriers.throttled}]"
    conclude_function_arn    = var.conclude_function.arn
    conclude_timeout_seconds = local.conclude_timeout_seconds
    conclude_retry           = "[${local.retriers.unfinished}, ${local.retriers.transient}, ${local.retriers.throttled}]"
    retry                    = "[${local.retriers.transient}, ${local.retriers.throttled}]"
    topic_arn                = var.topic.arn
    publish_timeout_seconds  = local.publish_timeout_seconds
    publish_retry            = "[${local.retriers.any}]"
    incomplete_error         = local.incomplete_error
  })
}

# How many requests there are at a time, over the whole run: batches side by side, and communications of each. Within a
# batch a quarter of it at most, so that its last ones do not keep places empty; and two batches at least, so that one
# goes on while another opens and closes. Of what that allows, the most that leaves no more than a quarter of the places
# empty. With a request rate no more wait for their slot than are due in a second; and four batches at least, for those
# that share a rate end at about the same time, and two would leave a fifth of it unused (bench/turnover.py).
locals {
  places = var.max_requests_per_second == null ? var.max_concurrency : min(var.max_concurrency, ceil(var.max_requests_per_second))

  most_of_a_map            = 40 # https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
  least_side_by_side       = var.max_requests_per_second == null ? 2 : 4
  most_of_a_batch          = max(1, min(local.most_of_a_map, floor(var.batch_size / 4), floor(local.places / local.least_side_by_side)))
  communications_at_a_time = max([for number in range(1, local.most_of_a_batch + 1) : number if 4 * number * floor(local.places / number) >= 3 * local.places]...)
  batches_at_a_time        = floor(local.places / local.communications_at_a_time)
}

# How errors are retried.
locals {
  lambda_errors = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
  ]

  # The function was not run, so nothing was sent: too many run already; its turn at the request rate has not come; or it is
  # in a VPC, was idle, and takes minutes to be connected again: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
  not_run_errors = [
    "Lambda.TooManyRequestsException",
    "RateLimited",
    "Lambda.ResourceNotReadyException",
    "Lambda.ENINotReadyException",
    "Lambda.EC2ThrottledException",
    "Lambda.ResourceConflictException",
  ]

  # A batch that cannot be opened ends the run, and a few minutes without DynamoDB must not.
  transient = { max_attempts = 10, interval_seconds = 2, max_delay_seconds = 60 }

  # Whoever was not run waits for its turn, half an hour and more: a reservation that is short makes a run slow, and fails nothing. As often as
  # 25,000 events of an execution allow, of which a third is left to batches that wait before they open: an iteration is
  # six events, and three for each try.
  # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
  events_of_items        = 18000
  tries_within_events    = floor((local.events_of_items / var.batch_size - 6) / 3) - 1 - var.retry.max_attempts
  throttled              = { max_attempts = min(60, local.tries_within_events), interval_seconds = 2, max_delay_seconds = 60 }
  max_unfinished_retries = 20

  # As text: BackoffRate must be written as a fraction.
  retriers = {
    for name, retrier in {
      unavailable = { errors = concat(["ApiUnavailable", "LedgerUnavailable"], local.lambda_errors), rate = var.retry.backoff_rate, waits = var.retry }
      throttled   = { errors = local.not_run_errors, rate = 2, waits = local.throttled }
      transient   = { errors = concat(["LedgerUnavailable"], local.lambda_errors), rate = 2, waits = local.transient }
      unfinished  = { errors = ["ConcludeUnfinished"], rate = 1, waits = { max_attempts = local.max_unfinished_retries, interval_seconds = 1, max_delay_seconds = 2 } }
      any         = { errors = ["States.ALL"], rate = 2, waits = local.transient }
    } : name => <<-EOT
      {
        "ErrorEquals": ${jsonencode(retrier.errors)},
        "MaxAttempts": ${retrier.waits.max_attempts},
        "IntervalSeconds": ${retrier.waits.interval_seconds},
        "BackoffRate": ${format("%.2f", retrier.rate)},
        "MaxDelaySeconds": ${retrier.waits.max_delay_seconds},
        "JitterStrategy": "FULL"
      }
    EOT
  }
}

# The longest a run can rightly take: every batch retried to its end, the request rate, and a day of pauses. What takes
# longer hangs, and is ended and reported as TIMED_OUT. An execution may take a year:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
locals {
  year_seconds = 365 * 24 * 3600
  day_seconds  = 24 * 3600

  longest_waits_seconds = sum(concat([0], [
    for attempt in range(var.retry.max_attempts) :
    min(var.retry.interval_seconds * pow(var.retry.backoff_rate, attempt), var.retry.max_delay_seconds)
  ]))
  longest_item_seconds  = (1 + var.retry.max_attempts) * local.requeue_timeout_seconds + local.longest_waits_seconds
  longest_batch_seconds = ceil(var.batch_size / local.communications_at_a_time) * local.longest_item_seconds + 4 * local.batch_timeout_seconds
  longest_run_seconds   = ceil(ceil(var.max_per_run / var.batch_size) / local.batches_at_a_time) * local.longest_batch_seconds
  rated_seconds         = var.max_requests_per_second == null ? 0 : var.max_per_run * (1 + var.retry.max_attempts) / var.max_requests_per_second

  timeout_seconds = min(local.year_seconds, ceil(
    max(local.longest_run_seconds, local.rated_seconds)
    + local.day_seconds
    + local.max_unfinished_retries * local.conclude_timeout_seconds
  ))
}

resource "aws_cloudwatch_log_group" "this" {
  count = var.log_group == null ? 1 : 0

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
  role_arn   = local.role_arn
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
