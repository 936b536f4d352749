# The module as a consumer would call it. What is special is only the provider: it talks to the embedded AWS, and with
# these credentials it could not do anything on the real one.

provider "aws" {
  region                      = var.region
  access_key                  = "local"
  secret_key                  = "local"
  skip_metadata_api_check     = true
  skip_credentials_validation = true

  endpoints {
    cloudwatch     = var.endpoint
    dynamodb       = var.endpoint
    eventbridge    = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    lambda         = var.endpoint
    logs           = var.endpoint
    scheduler      = var.endpoint
    secretsmanager = var.endpoint
    sfn            = var.endpoint
    sns            = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }
}

module "redrive" {
  source = "../.."

  stage = var.stage

  api = {
    base_url = var.api_url
    auth     = { type = "bearer", secret_arn = var.api_secret_arn }
  }

  sources = {
    email = {
      path       = "/emails"
      operation  = "send.email"
      filters    = { status = "failed" }
      items      = "emails"
      pagination = { style = "cursor", next = "next_cursor", size = 10 }
    }
    sms = {
      path       = "/sms"
      operation  = "send.sms"
      filters    = { status = "failed" }
      items      = "sms"
      pagination = { style = "page", size = 10 }
    }
  }

  requeue       = { path = "/communications/requeue" }
  batch_size    = var.batch_size
  retry         = merge({ interval_seconds = 1, max_delay_seconds = 2 }, var.retry) # so that a demo is worth watching
  redrive_limit = var.redrive_limit
  ledger        = { deletion_protection = false }
  queue         = var.queue
  schedule      = { expression = "rate(1 hour)" }
  dashboard     = { enabled = true }
  notifications = { emails = [var.email] }

  max_concurrency         = var.max_concurrency
  max_requests_per_second = var.max_requests_per_second
}

# The application, where it sends entries to the module's queue: a role that may do that and nothing else.
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "ThisAccountTakesTheRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_iam_role" "application" {
  count = local.has_queue ? 1 : 0

  name               = "application"
  description        = "Lets the example application enqueue"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "application" {
  count = local.has_queue ? 1 : 0

  name   = "enqueue"
  role   = aws_iam_role.application[0].id
  policy = module.redrive.queue.enqueue_policy
}

locals {
  has_queue = try(var.queue.enabled, false)
}
