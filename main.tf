data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

# the rules between inputs
module "consistency" {
  source = "./modules/consistency"

  names = { name = var.name, stage = var.stage }
  sizes = { batch_size = var.batch_size, max_per_run = var.max_per_run }
  patience = {
    connect_timeout_seconds  = var.api.connect_timeout_seconds
    read_timeout_seconds     = var.api.read_timeout_seconds
    function_timeout_seconds = var.lambda.timeout_seconds.requeue_communication
    lister_timeout_seconds   = var.lambda.timeout_seconds.list_failed
    max_delay_seconds        = var.retry.max_delay_seconds
    cooldown_seconds         = var.redrive_limit.cooldown_seconds
  }
}

# the application's API: what a function must know and may do to call it
module "api" {
  source = "./modules/api"

  account = local.account
  api     = var.api
}

# what the functions import: the libraries, and the package they share
module "layers" {
  source = "./modules/layers"

  prefix = local.prefix
  lambda = var.lambda
}

# Scheduler ──> list_failed
module "schedule" {
  source = "./modules/schedule"

  name                     = local.names.schedule
  group_name               = local.prefix
  context                  = local.context
  permissions_boundary_arn = var.permissions_boundary_arn

  timing              = var.schedule
  maximum_age_seconds = local.firing_age_seconds
  function_arn        = module.list_failed.arn
  input = {
    trigger       = "schedule"
    scheduledTime = "<aws.scheduler.scheduled-time>"
  }
}

# list_failed ──> one execution of the state machine per batch
module "list_failed" {
  source = "./modules/function"

  name        = local.names.list_failed
  description = "Lists what the application failed to send and starts a batch for every ${var.batch_size} of it"
  context     = local.context
  execution   = local.execution

  package = "${path.module}/dist/list_failed.zip"
  lambda  = local.lambda.list_failed
  vpc     = var.vpc

  environment = merge(local.environment, {
    REDRIVE_API               = jsonencode(module.api.settings)
    REDRIVE_LEDGER            = local.ledger_json
    REDRIVE_SOURCES           = local.sources_json
    REDRIVE_BATCH_SIZE        = tostring(var.batch_size)
    REDRIVE_MAX_PER_RUN       = tostring(var.max_per_run)
    REDRIVE_STATE_MACHINE_ARN = module.workflow.state_machine_arn
  })
  environment_source = "api.headers or the path, filters and pagination of sources, or split the sources over two instances of the module"
  policy_documents = concat(
    [data.aws_iam_policy_document.start_batches.json, module.api.policy],
    module.ledger.policies.judge,
  )

  # The next firing is the retry: a run that runs again could start what is already on its way.
  asynchronous = {
    maximum_retry_attempts    = 0
    maximum_event_age_seconds = local.firing_age_seconds
    failure_event_bus_arn     = local.default_event_bus_arn
  }
}

# state machine ──> requeue_communication for each, then summarise, then the topic
module "workflow" {
  source = "./modules/workflow"

  name      = local.names.batch
  context   = local.context
  execution = local.execution

  requeue_function = {
    arn             = module.requeue_communication.arn
    timeout_seconds = var.lambda.timeout_seconds.requeue_communication
  }
  summarise_function = {
    arn             = module.summarise.arn
    timeout_seconds = var.lambda.timeout_seconds.summarise
  }
  topic = {
    arn         = module.notifications.topic_arn
    kms_key_arn = local.create_topic ? var.kms_key_arn : var.notifications.topic_kms_key_arn
  }

  batch_size      = var.batch_size
  max_concurrency = var.max_concurrency
  retry           = var.retry
}

# requeue_communication ──> the application's API
module "requeue_communication" {
  source = "./modules/function"

  name        = local.names.requeue_communication
  description = "Sends one failed communication back through the application's API"
  context     = local.context
  execution   = local.execution

  package = "${path.module}/dist/requeue_communication.zip"
  lambda  = local.lambda.requeue_communication
  vpc     = var.vpc

  environment = merge(local.environment, {
    REDRIVE_API     = jsonencode(module.api.settings)
    REDRIVE_LEDGER  = local.ledger_json
    REDRIVE_REQUEUE = local.requeue_json
  })
  environment_source = "api.headers or the requeue_path of sources, or split the sources over two instances of the module"
  policy_documents   = concat([module.api.policy], module.ledger.policies.redrive)
}

module "summarise" {
  source = "./modules/function"

  name        = local.names.summarise
  description = "Counts the outcomes of a batch and words its notification"
  context     = local.context
  execution   = local.execution

  package = "${path.module}/dist/summarise.zip"
  lambda  = local.lambda.summarise

  environment = merge(local.environment, {
    REDRIVE_NOTIFY_ON = jsonencode(var.notifications.on)
  })
  environment_source = "name and stage"
}

# the memory of what was sent: who may send it now, and how often it was
module "ledger" {
  source = "./modules/ledger"

  name                = local.names.ledger
  context             = local.context
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.ledger.deletion_protection
}

# people ──> ledger
module "ledger_admin" {
  source = "./modules/function"

  name        = local.names.ledger_admin
  description = "Lists what waits for a person, shows one with its history, releases it or discards it"
  context     = local.context
  execution   = local.execution

  package = "${path.module}/dist/ledger_admin.zip"
  lambda  = local.lambda.ledger_admin

  environment        = merge(local.environment, { REDRIVE_LEDGER = local.ledger_json })
  environment_source = "name and stage"
  policy_documents   = module.ledger.policies.administer
}

# application ──> queue ──> worker ──> the application's API: the first loop, where the application has none
module "queue" {
  source = "./modules/queue"
  count  = var.queue.enabled ? 1 : 0

  name  = var.name
  stage = var.stage
  api   = var.api

  ttl_seconds     = var.queue.ttl_seconds
  backoff_rate    = var.queue.backoff_rate
  max_receives    = var.queue.max_receives
  batch_size      = var.queue.batch_size
  max_concurrency = var.queue.max_concurrency
  retention_days  = var.queue.retention_days
  worker          = var.queue.worker

  alarm_age_seconds = var.queue.alarm_age_seconds
  alarm_topic_arn   = contains(var.notifications.on, "failure") ? module.notifications.topic_arn : null

  layers = module.layers.arns
  lambda = {
    runtime              = var.lambda.runtime
    architecture         = var.lambda.architecture
    memory_mb            = var.lambda.memory_mb.worker
    log_level            = var.lambda.log_level
    reserved_concurrency = var.lambda.reserved_concurrency.worker
  }
  vpc = var.vpc

  tracing                  = var.tracing
  log_retention_days       = var.log_retention_days
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

# topic ──> people
module "notifications" {
  source = "./modules/notifications"

  name         = local.names.notifications
  display_name = "${var.name} ${var.stage}"
  context      = local.context
  kms_key_arn  = var.kms_key_arn

  create_topic  = local.create_topic
  notifications = var.notifications
  rule_arns     = [for name in local.rule_names : "${local.event_rule_arn_prefix}/${name}"]
  alarm_arns    = [for name in concat(values(local.alarm_names), local.queue_alarm_names) : "${local.alarm_arn_prefix}:${name}"]
}

# what nobody's code can report ──> topic
module "alerts" {
  source = "./modules/alerts"

  title     = var.name
  stage     = var.stage
  context   = local.context
  notify    = contains(var.notifications.on, "failure")
  topic_arn = module.notifications.topic_arn

  rule_names = local.rule_names
  lister = {
    name           = module.list_failed.name
    arn            = module.list_failed.arn
    log_group_name = module.list_failed.log_group_name
  }
  state_machine = {
    name             = module.workflow.state_machine_name
    arn              = module.workflow.state_machine_arn
    incomplete_error = module.workflow.incomplete_error
  }

  # Not the lister: Lambda keeps its event when it is throttled and reports it when it gives up. An alarm would be a second mail.
  throttled_functions = {
    requeue_communication = {
      function_name = module.requeue_communication.name
      alarm_name    = local.alarm_names.requeue_communication_throttled
    }
    summarise = {
      function_name = module.summarise.name
      alarm_name    = local.alarm_names.summarise_throttled
    }
  }
  schedule = {
    name           = module.schedule.name
    alarm_name     = local.alarm_names.schedule_missed
    period_minutes = local.schedule_period_minutes
  }
}
