# worker ──> the application's API

module "api" {
  source = "../api"

  name    = local.prefix
  account = local.account
  api     = var.api
}

module "layers" {
  source = "../layers"
  count  = var.layers == null ? 1 : 0

  prefix = local.prefix
  lambda = var.lambda
}

module "worker" {
  source = "../function"

  name        = local.worker_name
  description = "Asks the application to send each entry of the queue, again after a while where that fails"

  context = { account = local.account, tags = var.tags }
  execution = {
    tracing                  = var.tracing
    log_retention_days       = var.log_retention_days
    kms_key_arn              = var.kms_key_arn
    permissions_boundary_arn = var.permissions_boundary_arn
  }

  package = "${path.module}/../../dist/worker.zip"
  lambda = merge(var.lambda, {
    layers          = var.layers == null ? module.layers[0].arns : var.layers
    timeout_seconds = local.timeout_seconds
    role            = var.lambda.role_arns == null ? null : { arn = var.lambda.role_arns["worker"] }
    log_group       = !contains(keys(var.log_groups), "worker") ? null : { name = var.log_groups["worker"] }
  })
  vpc = var.vpc

  environment = {
    REDRIVE_NAME                 = var.name
    REDRIVE_STAGE                = var.stage
    REDRIVE_API                  = jsonencode(merge(module.api.settings, { read_timeout_seconds = var.worker.timeout_seconds }))
    REDRIVE_WORKER               = jsonencode({ for key, value in local.worker : key => value if value != null })
    POWERTOOLS_SERVICE_NAME      = local.prefix
    POWERTOOLS_METRICS_NAMESPACE = var.name
    POWERTOOLS_LOG_LEVEL         = var.lambda.log_level
  }
  environment_source = "api.headers or worker.paths"
  policy_documents   = [data.aws_iam_policy_document.work.json, module.api.policy]
}

locals {
  worker = {
    paths                 = var.worker.paths
    method                = var.worker.method
    given_up_path         = var.worker.given_up_path
    ttl_seconds           = var.ttl_seconds
    backoff_rate          = var.backoff_rate
    max_receives          = var.max_receives
    queue_url             = local.urls.queue
    dead_letter_queue_url = local.urls.dead_letters
  }
}
