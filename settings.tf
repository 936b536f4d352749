# What the functions read from their environment. A null would only take space.

locals {
  every_environment = {
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
    enabled   = source.enabled ? null : false
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
  # A space is called after the first source, by name, that requeues there. One endpoint may be spelt in several ways (RFC
  # 3986, 6.2.2): what need not be percent-encoded is written as itself, and the rest with upper-case digits.
  unreserved = "^%(2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])$"
  spelt = { for path in distinct(concat([var.requeue.path], [for source in var.sources : source.requeue_path if source.requeue_path != null])) :
    path => trimsuffix(join("", [for part in regexall("%[0-9A-Fa-f]{2}|[^%]+|%", path) : (
      can(regex(local.unreserved, part)) ? jsondecode("\"\\u00${substr(part, 1, 2)}\"")
      : startswith(part, "%") ? upper(part) : part
    )]), "/")
  }
  shared_endpoints  = { for name, source in var.sources : name => replace(local.spelt[var.requeue.path], "{operation}", source.operation) }
  own_endpoints     = { for name, source in var.sources : name => replace(local.spelt[coalesce(source.requeue_path, var.requeue.path)], "{operation}", source.operation) }
  requeue_endpoints = { for name, source in var.sources : name => "${source.operation} ${local.own_endpoints[name]}" }
  sources_there     = { for name, endpoint in local.requeue_endpoints : endpoint => name... }
  id_spaces = { for name, source in var.sources : name => (
    source.id_space != null ? source.id_space
    : local.own_endpoints[name] == local.shared_endpoints[name] ? source.operation
    : "${source.operation}@${local.sources_there[local.requeue_endpoints[name]][0]}"
  ) }

  # A lease lasts from one try to the next, which renews it: the function at its slowest, then the longest wait.
  ledger_json = jsonencode(merge(var.redrive_limit, {
    table         = var.create ? module.ledger[0].table_name : null
    lease_seconds = var.lambda.timeout_seconds.requeue_communication + var.retry.max_delay_seconds + 60
  }))

  run_json = jsonencode({ for key, value in {
    max_attempts_of_a_request = var.retry.max_attempts
    breaker_turned_away       = var.breaker.turned_away
    max_requests_per_second   = var.max_requests_per_second
    run_hours                 = var.run_hours
    requeue_path              = var.requeue.path
  } : key => value if value != null })

  requeue_json = jsonencode({ for key, value in {
    path         = var.requeue.path
    method       = var.requeue.method
    created_by   = coalesce(var.requeue.created_by, local.prefix)
    source_paths = { for name, source in var.sources : name => source.requeue_path if source.requeue_path != null }
    accepted     = var.requeue.accepted
  } : key => value if value != null })
}

# Function by function. Those of the console and of the CLI are told the same.
locals {
  list_failed_environment = merge(local.every_environment, {
    REDRIVE_API               = jsonencode(module.api.settings)
    REDRIVE_LEDGER            = local.ledger_json
    REDRIVE_RUN               = local.run_json
    REDRIVE_SOURCES           = local.sources_json
    REDRIVE_REQUEUE           = local.requeue_json
    REDRIVE_BATCH_SIZE        = tostring(var.batch_size)
    REDRIVE_MAX_PER_RUN       = tostring(var.max_per_run)
    REDRIVE_STATE_MACHINE_ARN = local.state_machine_arn
    REDRIVE_CONCLUDE_ARN      = var.create ? module.conclude[0].arn : null
    REDRIVE_MODE              = var.mode
  })

  batch_environment = merge(local.every_environment, {
    REDRIVE_LEDGER = local.ledger_json
    REDRIVE_RUN    = local.run_json
  })

  requeue_environment = merge(local.every_environment, {
    REDRIVE_API     = jsonencode(module.api.settings)
    REDRIVE_LEDGER  = local.ledger_json
    REDRIVE_REQUEUE = local.requeue_json
    REDRIVE_RUN     = local.run_json
  })

  conclude_environment = merge(local.every_environment, {
    REDRIVE_LEDGER = local.ledger_json
    REDRIVE_RUN    = local.run_json
    REDRIVE_NOTIFICATIONS = jsonencode({ for key, value in {
      on            = var.notifications.on
      digest        = var.notifications.digest
      topic_arn     = local.topic.arn
      dashboard_url = local.dashboard_url
    } : key => value if value != null })
    REDRIVE_STATE_MACHINE_ARN = local.state_machine_arn
  })

  desk_environments = { for function in ["ledger_admin", "console_view", "console_operate"] : function => merge(local.every_environment, {
    REDRIVE_OWN_ARN           = "${local.function_arn_prefix}:${local.names[function]}"
    REDRIVE_LEDGER            = local.ledger_json
    REDRIVE_LISTER_ARN        = var.create ? module.list_failed[0].arn : null
    REDRIVE_SPACES            = jsonencode(distinct(values(local.id_spaces)))
    REDRIVE_STATE_MACHINE_ARN = local.state_machine_arn
  }) }
}
