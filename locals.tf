# What all submodules share, what everything that runs shares besides, and what the functions run on. The key and the boundary
# only go where they are used: their policies may name the ledger, the topic or the schedule's group, and Terraform takes
# whoever gets an object for one that needs all of it.
locals {
  context = {
    account = local.account
    tags    = var.tags
  }

  execution = {
    tracing                  = var.tracing
    log_retention_days       = var.log_retention_days
    kms_key_arn              = var.kms_key_arn
    permissions_boundary_arn = var.permissions_boundary_arn
  }

  # Named one by one: what is derived from var.lambda checkov does not follow, and it would not see the runtime.
  lambda = { for function in ["list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "console_view", "console_operate"] : function => {
    runtime              = var.lambda.runtime
    architecture         = var.lambda.architecture
    layers               = var.create ? module.layers[0].arns : null
    memory_mb            = var.lambda.memory_mb[function]
    timeout_seconds      = var.lambda.timeout_seconds[function]
    reserved_concurrency = var.lambda.reserved_concurrency[function]
    log_format           = var.lambda.log_format
    log_group            = local.log_groups[function]
    role                 = local.given_roles[function]
  } }

  worker = {
    runtime              = var.lambda.runtime
    architecture         = var.lambda.architecture
    memory_mb            = var.lambda.memory_mb.worker
    log_level            = var.lambda.log_level
    log_format           = var.lambda.log_format
    reserved_concurrency = var.lambda.reserved_concurrency.worker
    role_arns            = var.lambda.role_arns == null ? null : { worker = lookup(var.lambda.role_arns, "worker", "${local.role_arn_prefix}/missing") }
  }

  # What is there already; null for what the module makes. A role that is missing has a name until consistency.tf says so, or the
  # provider would say first, and in other words, that there is none. Told by keys, for ARNs and names may be known after the apply only.
  runners     = ["list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "console_view", "console_operate", "run", "schedule"]
  given_roles = { for runner in local.runners : runner => var.lambda.role_arns == null ? null : { arn = lookup(var.lambda.role_arns, runner, "${local.role_arn_prefix}/missing") } }
  log_groups  = { for runner in local.runners : runner => contains(keys(var.log_groups), runner) ? { name = var.log_groups[runner] } : null }
}

# Whom digests and alarms go to. Alarms in the same topic are mailed as failures are; a topic of their own is there for
# nothing else.
locals {
  create_topic = var.notifications.create_topic != null ? var.notifications.create_topic : var.notifications.topic_arn == null

  topic = {
    arn         = local.create_topic ? local.own_topic_arn : var.notifications.topic_arn
    kms_key_arn = local.create_topic ? var.kms_key_arn : var.notifications.topic_kms_key_arn
  }

  alarm_channel = {
    topic_arn     = var.notifications.alerts_topic_arn == null ? (var.create ? module.notifications[0].topic_arn : null) : var.notifications.alerts_topic_arn
    notifies      = var.notifications.alerts_topic_arn != null || contains(var.notifications.on, "failure")
    has_own_topic = var.notifications.alerts_topic_arn != null
  }
}

# The longest time between two firings. Of a cron() only this is read: without a restriction of days it fires daily at least.
locals {
  rate             = one(regexall("^rate\\(([0-9]+) (minute|hour|day)s?\\)$", var.schedule.expression))
  rate_minutes     = local.rate == null ? null : tonumber(local.rate[0]) * { minute = 1, hour = 60, day = 1440 }[local.rate[1]]
  fires_every_day  = can(regex("^cron\\(\\S+ \\S+ [*?] \\* [*?] \\*\\)$", var.schedule.expression))
  derived_minutes  = local.rate_minutes != null ? local.rate_minutes : local.fires_every_day ? 1440 : null
  schedule_minutes = var.schedule.period_minutes != null ? var.schedule.period_minutes : local.derived_minutes

  # A firing may be late by the whole window. A schedule that is off misses nothing.
  schedule_period_minutes = (
    local.schedule_minutes == null || !var.schedule.enabled ? null
    : local.schedule_minutes + var.schedule.flexible_window_minutes
  )
}

# A firing that Scheduler or Lambda could not deliver waits until the next one at most: together they would only list the
# same. 60 seconds is the least that both allow.
locals {
  firing_age_seconds = local.schedule_minutes == null ? 3600 : max(60, min(3600, local.schedule_minutes * 60))
}
