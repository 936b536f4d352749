data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# Of the provider's region: provider 5 has no data.aws_region.region, and provider 6 warns of every other name for it.
data "aws_service" "here" {
  service_id = "sts"
}

locals {
  prefix      = "${var.name}-${var.stage}"
  worker_name = "${local.prefix}-worker"
  names = {
    queue        = "${local.prefix}-queue"
    dead_letters = "${local.prefix}-dead-letters"
  }

  account = {
    partition = data.aws_partition.current.partition
    region    = data.aws_service.here.region
    id        = data.aws_caller_identity.current.account_id
  }

  # Built from their parts, so that the plan of a first apply shows every policy and setting that names them.
  arns = { for queue, name in local.names : queue => "arn:${local.account.partition}:sqs:${local.account.region}:${local.account.id}:${name}" }
  urls = { for queue, name in local.names : queue => "https://sqs.${local.account.region}.${data.aws_partition.current.dns_suffix}/${local.account.id}/${name}" }

  # Each message of a batch may take a whole request, one after the other; then the worker puts back what is left.
  timeout_seconds = ceil(var.batch_size * (var.api.connect_timeout_seconds + var.worker.timeout_seconds)) + 15

  # How long an entry waits after each receive but the last. The worker waits up to a quarter longer than it is told, so
  # that entries that failed together do not come back together. SQS hides a message for 12 hours from its receive at
  # most, and the worker is done with it by then.
  longest_wait_seconds = 43200 - 960
  waits = [
    for receive in range(var.max_receives - 1) :
    min(1.25 * var.ttl_seconds * pow(var.backoff_rate, receive), local.longest_wait_seconds)
  ]
  waits_seconds     = ceil(sum(concat([0], local.waits)))
  retention_seconds = var.retention_days * 86400

  # The longest SQS allows. What SQS itself moves there keeps its age, so dead letters must be kept for longer than entries.
  dead_letter_days = 14
}

module "tags" {
  source = "../tags"

  name = local.prefix
  tags = var.tags
}

# What was given up. Before the queue, which SQS would refuse to make without it.
resource "aws_sqs_queue" "dead_letters" {
  name                      = local.names.dead_letters
  message_retention_seconds = local.dead_letter_days * 86400

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.arns.queue]
  })

  policy                  = data.aws_iam_policy_document.queue["dead_letters"].json
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn
  tags                    = var.tags
}

resource "aws_sqs_queue" "this" {
  name                      = local.names.queue
  message_retention_seconds = local.retention_seconds

  # While a batch is throttled its messages wait for the next try; six times is AWS's advice:
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout_seconds = 6 * local.timeout_seconds

  # The net for a worker that ends before it can give up an entry itself.
  redrive_policy = jsonencode({
    deadLetterTargetArn = local.arns.dead_letters
    maxReceiveCount     = var.max_receives
  })

  policy                  = data.aws_iam_policy_document.queue["queue"].json
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn
  tags                    = var.tags

  lifecycle {
    precondition {
      condition     = length(local.prefix) <= 57
      error_message = "${local.prefix}: name and stage must have at most 57 characters together with the hyphen between them, as AWS allows 64 for the longest name made of them; they have ${length(local.prefix)}."
    }

    precondition {
      condition     = local.timeout_seconds <= 900
      error_message = "${local.prefix}: batch_size * (api.connect_timeout_seconds + worker.timeout_seconds) must be at most 885, as Lambda ends a function after 900 seconds and the worker needs 15 for itself; it is ${local.timeout_seconds - 15}."
    }

    precondition {
      condition     = local.waits_seconds < local.retention_seconds
      error_message = "${local.prefix}: ttl_seconds, backoff_rate and max_receives must make all waits together shorter than retention_days (${local.retention_seconds} seconds), or SQS deletes entries that are still to be tried; they make up to ${local.waits_seconds} seconds."
    }
  }

  depends_on = [aws_sqs_queue.dead_letters]
}

# queue ──> worker
resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn = local.arns.queue
  function_name    = module.worker.arn
  enabled          = var.worker.enabled

  batch_size              = var.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.max_concurrency
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = var.lambda.reserved_concurrency == null ? true : var.lambda.reserved_concurrency >= var.max_concurrency
      error_message = "${local.prefix}: lambda.reserved_concurrency must be at least max_concurrency (${var.max_concurrency}) or null for none, or batches are throttled, and those that stay so for too long use up a receive of their entries; it is ${coalesce(var.lambda.reserved_concurrency, 0)}."
    }
  }

  depends_on = [aws_sqs_queue.this]
}
