# worker ──> the application's API

module "api" {
  source = "../api"

  account = local.account
  api     = var.api
}

module "dependencies" {
  source = "../layer"
  count  = var.layers == null ? 1 : 0

  name         = "${local.prefix}-dependencies"
  description  = "The libraries that the functions of ${local.prefix} import"
  package      = "${path.module}/../../dist/dependencies.zip"
  runtime      = var.lambda.runtime
  architecture = var.lambda.architecture
}

module "package" {
  source = "../layer"
  count  = var.layers == null ? 1 : 0

  name         = "${local.prefix}-redrive"
  description  = "The package that the functions of ${local.prefix} share"
  package      = "${path.module}/../../dist/redrive.zip"
  runtime      = var.lambda.runtime
  architecture = var.lambda.architecture
}

module "worker" {
  source = "../function"

  name        = local.worker_name
  description = "Asks the application to send each entry of the queue, again after a while where that fails"
  account     = local.account

  package              = "${path.module}/../../dist/worker.zip"
  handler              = "worker.handler.handler"
  layers               = var.layers == null ? [module.dependencies[0].arn, module.package[0].arn] : var.layers
  runtime              = var.lambda.runtime
  architecture         = var.lambda.architecture
  memory_mb            = var.lambda.memory_mb
  timeout_seconds      = local.timeout_seconds
  reserved_concurrency = var.lambda.reserved_concurrency
  vpc                  = var.vpc

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

  tracing                  = var.tracing
  log_retention_days       = var.log_retention_days
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
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
