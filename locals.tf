locals {
  prefix = module.consistency.prefix

  account = {
    partition = data.aws_partition.current.partition
    region    = data.aws_service.here.region
    id        = data.aws_caller_identity.current.account_id
  }

  names = {
    list_failed           = "${local.prefix}-list-failed"
    requeue_communication = "${local.prefix}-requeue-communication"
    batch                 = "${local.prefix}-batch"
    conclude              = "${local.prefix}-conclude"
    run                   = "${local.prefix}-run"
    schedule              = "${local.prefix}-schedule"
    notifications         = "${local.prefix}-notifications"
    ledger                = "${local.prefix}-ledger"
    ledger_admin          = "${local.prefix}-ledger-admin"
    console_view          = "${local.prefix}-console-view"
    console_operate       = "${local.prefix}-console-operate"
  }
  rule_names = {
    run_ended = "${local.prefix}-run-ended"
  }
  alarm_names = {
    requeue_communication_throttled = "${local.names.requeue_communication}-throttled"
    batch_throttled                 = "${local.names.batch}-throttled"
    conclude_throttled              = "${local.names.conclude}-throttled"
    conclude_failed                 = "${local.names.conclude}-failed"
    schedule_missed                 = "${local.names.schedule}-missed"
    schedule_silent                 = "${local.names.schedule}-silent"
    ledger_reads_throttled          = "${local.names.ledger}-reads-throttled"
    ledger_writes_throttled         = "${local.names.ledger}-writes-throttled"
    waiting_too_long                = "${local.prefix}-waiting-too-long"
    failed_too_long                 = "${local.prefix}-failed-too-long"
    runs_skipped                    = "${local.prefix}-runs-skipped"
    lists_truncated                 = "${local.prefix}-lists-truncated"
    breaker_open                    = "${local.prefix}-breaker-open"
  }
  # As modules/queue names them: they need the topic, so the topic cannot wait for them to be told.
  queue_alarm_names = var.queue.enabled ? [for part in ["queue-age", "dead-letters", "worker-errors"] : "${local.prefix}-${part}"] : []

  # Those in the same topic are mailed as failures are; a topic of their own is there for nothing else.
  alarm_channel = {
    topic_arn     = var.notifications.alerts_topic_arn == null ? module.notifications.topic_arn : var.notifications.alerts_topic_arn
    notifies      = var.notifications.alerts_topic_arn != null || contains(var.notifications.on, "failure")
    has_own_topic = var.notifications.alerts_topic_arn != null
  }

  create_topic = var.notifications.create_topic != null ? var.notifications.create_topic : var.notifications.topic_arn == null

  # Known before anything exists: the state machine needs the functions, and some of them it; so do topic and alarms.
  state_machine_arn = "arn:${local.account.partition}:states:${local.account.region}:${local.account.id}:stateMachine:${local.names.run}"
  topic = {
    arn         = local.create_topic ? "arn:${local.account.partition}:sns:${local.account.region}:${local.account.id}:${local.names.notifications}" : var.notifications.topic_arn
    kms_key_arn = local.create_topic ? var.kms_key_arn : var.notifications.topic_kms_key_arn
  }
  function_arn_prefix = "arn:${local.account.partition}:lambda:${local.account.region}:${local.account.id}:function"
  alarm_arn_prefix    = "arn:${local.account.partition}:cloudwatch:${local.account.region}:${local.account.id}:alarm"
}

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
    layers               = module.layers.arns
    memory_mb            = var.lambda.memory_mb[function]
    timeout_seconds      = var.lambda.timeout_seconds[function]
    reserved_concurrency = var.lambda.reserved_concurrency[function]
  } }
}

# What the functions read from their environment. A null would only take space.
locals {
  environment = {
    REDRIVE_NAME                 = var.name
    REDRIVE_STAGE                = var.stage
    POWERTOOLS_SERVICE_NAME      = local.prefix
    POWERTOOLS_METRICS_NAMESPACE = var.name
    POWERTOOLS_LOG_LEVEL         = var.lambda.log_level
  }

  # Rarely used settings are left out where they have the default that lambda_src/redrive/settings.py has too: Lambda
  # gives a function's settings 4 KB. So is a null, except size_param's, which says that none is sent.
  sources_json = jsonencode({ for name, source in var.sources : name => { for key, value in {
    path      = source.path
    operation = source.operation
    filters   = merge(source.filters, source.filter_lists)
    pagination = merge(
      { for key, value in source.pagination : key => value if value != null && key != "first_offset" && key != "size_param" },
      source.pagination.first_offset == 0 ? {} : { first_offset = source.pagination.first_offset },
      { size_param = source.pagination.size_param == "" ? null : source.pagination.size_param },
    )
    items           = source.items
    id              = source.id
    failed_at       = source.failed_at
    min_age_seconds = source.failed_at == null ? null : source.min_age_seconds
    max_age_seconds = source.max_age_seconds
    empty_statuses  = jsonencode(source.empty_statuses) == "[204]" ? null : source.empty_statuses
    id_space        = local.id_spaces[name] == source.operation ? null : local.id_spaces[name]
  } : key => value if value != null } })

  # An id belongs to what it is requeued with: at an endpoint of its own it is another communication than at requeue.path.
  # A space is called after the first source, by name, that requeues there.
  requeue_endpoints = { for name, source in var.sources : name => "${source.operation} ${coalesce(source.requeue_path, var.requeue.path)}" }
  sources_there     = { for name, endpoint in local.requeue_endpoints : endpoint => name... }
  id_spaces = { for name, source in var.sources : name => (
    source.id_space != null ? source.id_space
    : coalesce(source.requeue_path, var.requeue.path) == var.requeue.path ? source.operation
    : "${source.operation}@${local.sources_there[local.requeue_endpoints[name]][0]}"
  ) }

  # A lease lasts from one try to the next, which renews it: the function at its slowest, then the longest wait.
  ledger_json = jsonencode(merge(var.redrive_limit, {
    table         = module.ledger.table_name
    lease_seconds = var.lambda.timeout_seconds.requeue_communication + var.retry.max_delay_seconds + 60
  }))

  run_json = jsonencode({ for key, value in {
    max_attempts_of_a_request = var.retry.max_attempts
    breaker_turned_away       = var.breaker.turned_away
    max_requests_per_second   = var.max_requests_per_second
    run_hours                 = var.run_hours
    requeue_path              = var.requeue.path
  } : key => value if value != null })

  # What a desk is told, whether it is called by the CLI or by the console.
  desk_environment = {
    REDRIVE_LEDGER            = local.ledger_json
    REDRIVE_LISTER_ARN        = module.list_failed.arn
    REDRIVE_SPACES            = jsonencode(distinct(values(local.id_spaces)))
    REDRIVE_STATE_MACHINE_ARN = local.state_machine_arn
  }

  requeue_json = jsonencode({ for key, value in {
    path         = var.requeue.path
    method       = var.requeue.method
    created_by   = coalesce(var.requeue.created_by, local.prefix)
    source_paths = { for name, source in var.sources : name => source.requeue_path if source.requeue_path != null }
    accepted     = var.requeue.accepted
  } : key => value if value != null })
}

# The longest time between two firings. Of a cron() only this is read: without a restriction of days it fires daily at least.
locals {
  rate             = try(regex("^rate\\(([0-9]+) (minute|hour|day)s?\\)$", var.schedule.expression), null)
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
