# the application's API: what a function must know and may do to call it
module "api" {
  source = "./modules/api"

  name    = local.prefix
  account = local.account
  api     = var.api
}

# what the functions import: the libraries
module "layers" {
  source = "./modules/layers"
  count  = var.create ? 1 : 0

  prefix = local.prefix
  lambda = var.lambda
}

# Scheduler ──> list_failed
module "schedule" {
  source = "./modules/schedule"
  count  = var.create ? 1 : 0

  name                     = local.names.schedule
  group_name               = local.prefix
  context                  = local.context
  permissions_boundary_arn = var.permissions_boundary_arn
  role                     = local.given_roles.schedule

  timing              = var.schedule
  maximum_age_seconds = local.firing_age_seconds
  function_arn        = module.list_failed[0].arn
  input               = { trigger = "schedule", scheduledTime = "<aws.scheduler.scheduled-time>" }
}

# list_failed ──> one execution of the state machine
module "list_failed" {
  source = "./modules/function"
  count  = var.create ? 1 : 0

  name        = local.names.list_failed
  description = "Lists what the application failed to send and starts a run of it"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/list_failed.zip"
  lambda             = local.lambda.list_failed
  vpc                = var.vpc
  environment        = local.list_failed_environment
  environment_source = "api.headers or the path, requeue_path, filters and pagination of sources, or split the sources over two instances of the module"
  policy_documents = concat(
    [data.aws_iam_policy_document.start_runs.json, data.aws_iam_policy_document.see_runs.json, module.api.policy],
    module.ledger[0].policies.list,
  )

  # The next firing is the retry: a run that runs again could start what is already on its way.
  asynchronous = {
    maximum_retry_attempts    = 0
    maximum_event_age_seconds = local.firing_age_seconds
    failure_function_arn      = module.conclude[0].arn
  }
}

# state machine ──> batch, requeue_communication for each, conclude, then the topic
module "workflow" {
  source = "./modules/workflow"
  count  = var.create ? 1 : 0

  name      = local.names.run
  context   = local.context
  execution = local.execution
  role      = local.given_roles.run
  log_group = local.log_groups.run

  batch_function    = { arn = module.batch[0].arn, timeout_seconds = var.lambda.timeout_seconds.batch }
  requeue_function  = { arn = module.requeue_communication[0].arn, timeout_seconds = var.lambda.timeout_seconds.requeue_communication }
  conclude_function = { arn = module.conclude[0].arn, timeout_seconds = var.lambda.timeout_seconds.conclude }
  topic             = local.topic

  batch_size              = var.batch_size
  max_per_run             = var.max_per_run
  max_concurrency         = var.max_concurrency
  max_requests_per_second = var.max_requests_per_second
  retry                   = var.retry
}

# opens a batch, if it may go now, and closes it
module "batch" {
  source = "./modules/function"
  count  = var.create ? 1 : 0

  name        = local.names.batch
  description = "Opens a batch of a run, unless the run is paused, stopped or broken off, and closes it"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/batch.zip"
  lambda             = local.lambda.batch
  environment        = local.batch_environment
  environment_source = "name and stage"
  policy_documents   = module.ledger[0].policies.batch
}

# requeue_communication ──> the application's API
module "requeue_communication" {
  source = "./modules/function"
  count  = var.create ? 1 : 0

  name        = local.names.requeue_communication
  description = "Sends one failed communication back through the application's API"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/requeue_communication.zip"
  lambda             = local.lambda.requeue_communication
  vpc                = var.vpc
  environment        = local.requeue_environment
  environment_source = "api.headers or the requeue_path of sources, or split the sources over two instances of the module"
  policy_documents   = concat([module.api.policy], module.ledger[0].policies.requeue)
}

# the end of a run, however it ended: verdicts, and the digest
module "conclude" {
  source = "./modules/function"
  count  = var.create ? 1 : 0

  name        = local.names.conclude
  description = "Gives a run's verdicts and writes its digest, however the run ended"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/conclude.zip"
  lambda             = local.lambda.conclude
  environment        = local.conclude_environment
  environment_source = "name and stage"
  policy_documents   = concat([data.aws_iam_policy_document.send_digests.json, data.aws_iam_policy_document.see_runs.json], module.ledger[0].policies.conclude)
}

# the memory of what was sent: who may send it now, and how often it was
module "ledger" {
  source = "./modules/ledger"
  count  = var.create ? 1 : 0

  name                = local.names.ledger
  context             = local.context
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.ledger.deletion_protection
}

# people ──> ledger
module "ledger_admin" {
  source = "./modules/function"
  count  = var.create ? 1 : 0

  name        = local.names.ledger_admin
  description = "For operators: what waits for a person, runs, plans, release, discard, pause, slow down, stop"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/ledger_admin.zip"
  lambda             = local.lambda.ledger_admin
  environment        = local.desk_environments.ledger_admin
  environment_source = "the id_space of sources"
  policy_documents   = concat([data.aws_iam_policy_document.see_runs.json, data.aws_iam_policy_document.carry_on["ledger_admin"].json], module.ledger[0].policies.administer)
}

# people ──> CloudWatch's dashboard ──> console_view, which only looks
module "console_view" {
  source = "./modules/function"
  count  = var.create && var.dashboard.enabled ? 1 : 0

  name        = local.names.console_view
  description = "Shows on the dashboard what waits for a person, runs, and what people did"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/console_view.zip"
  lambda             = local.lambda.console_view
  environment        = local.desk_environments.console_view
  environment_source = "the id_space of sources"
  policy_documents   = concat([data.aws_iam_policy_document.see_runs.json], module.ledger[0].policies.look)
}

# operators ──> the dashboard ──> console_operate ──> ledger
module "console_operate" {
  source = "./modules/function"
  count  = var.create && var.dashboard.enabled && var.dashboard.operators ? 1 : 0

  name        = local.names.console_operate
  description = "Releases, discards, pauses and stops from the dashboard, what operators confirm"
  context     = local.context
  execution   = local.execution

  package            = "${path.module}/dist/console_operate.zip"
  lambda             = local.lambda.console_operate
  environment        = local.desk_environments.console_operate
  environment_source = "the id_space of sources"
  policy_documents   = concat([data.aws_iam_policy_document.see_runs.json, data.aws_iam_policy_document.carry_on["console_operate"].json], module.ledger[0].policies.administer)
}

# what people look at
module "dashboard" {
  source = "./modules/dashboard"
  count  = var.create && var.dashboard.enabled ? 1 : 0

  name      = local.prefix
  namespace = var.name
  context   = local.context
  sources   = sort(keys(var.sources))
  functions = { for function, submodule in local.functions : function => { name = submodule.name, log_group_name = submodule.log_group_name } }

  # Made of names: ARNs of alarms are known only after the apply.
  alarm_arns        = [for name in concat(values(module.alerts[0].alarm_names), flatten([for queue in module.queue : values(queue.alarm_names)])) : "${local.alarm_arn_prefix}:${name}"]
  state_machine_arn = module.workflow[0].state_machine_arn
  table_name        = module.ledger[0].table_name
  view_arn          = one(module.console_view[*].arn)
  operate_arn       = one(module.console_operate[*].arn)
  queue             = one([for queue in module.queue : { name = queue.name, dead_letter_name = queue.dead_letter_name, operations = sort(keys(var.queue.worker.paths)) }])
}

# application ──> queue ──> worker ──> the application's API: the delivery queue, where the application has none
module "queue" {
  source = "./modules/queue"
  count  = var.create && var.queue.enabled ? 1 : 0

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
  alarm_topic_arn   = local.alarm_channel.notifies && !local.alarm_channel.has_own_topic ? local.alarm_channel.topic_arn : null
  alarm_actions     = compact(concat([var.notifications.alerts_topic_arn], var.alarms.actions))
  alarms_enabled    = var.alarms.enabled

  layers                   = module.layers[0].arns
  lambda                   = local.worker
  log_groups               = { for writer, name in var.log_groups : writer => name if writer == "worker" }
  vpc                      = var.vpc
  tracing                  = var.tracing
  log_retention_days       = var.log_retention_days
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = var.tags
}

# topic ──> people
module "notifications" {
  source = "./modules/notifications"
  count  = var.create ? 1 : 0

  name         = local.names.notifications
  display_name = "${var.name} ${var.stage}"
  context      = local.context
  kms_key_arn  = var.kms_key_arn

  create_topic   = local.create_topic
  notifications  = var.notifications
  publisher_arns = [for owner in ["run", "conclude"] : try(var.lambda.role_arns[owner], "${local.role_arn_prefix}/${local.names[owner]}")]
  alarm_arns     = [for name in concat(values(local.alarm_names), local.queue_alarm_names) : "${local.alarm_arn_prefix}:${name}"]
}

# what the state machine cannot say itself ──> conclude; what no function can ──> topic
module "alerts" {
  source = "./modules/alerts"
  count  = var.create ? 1 : 0

  context       = local.context
  alarms        = var.alarms
  alarm_names   = local.alarm_names
  channel       = local.alarm_channel
  dashboard_url = local.dashboard_url
  metrics       = { namespace = var.name, service = local.prefix }

  lister   = { name = module.list_failed[0].name }
  conclude = { name = module.conclude[0].name, arn = module.conclude[0].arn }
  ledger   = { name = module.ledger[0].table_name }
  schedule = { name = module.schedule[0].name, period_minutes = local.schedule_period_minutes }
  state_machine = {
    name             = module.workflow[0].state_machine_name
    arn              = module.workflow[0].state_machine_arn
    incomplete_error = module.workflow[0].incomplete_error
  }
  run_ended_rule_name = local.names.run_ended

  # Not the lister: Lambda keeps its event when it is throttled and reports it when it gives up. An alarm would be a second mail.
  throttled_functions = {
    requeue_communication = module.requeue_communication[0].name
    batch                 = module.batch[0].name
    conclude              = module.conclude[0].name
  }
}
