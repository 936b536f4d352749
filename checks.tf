# What plans, but will not work as its author expects: warnings, never errors. Each begins with the instance's name, as
# Terraform does not say which of several, such as the stages of a for_each, it warns of; so do the errors of consistency.tf.

locals {
  topic_has_readers = !var.create || length(nonsensitive(var.notifications.emails)) + length(var.notifications.subscriptions) > 0 || !local.create_topic

  requests_at_a_time = var.create ? module.workflow[0].requests_at_a_time : 1

  # A run that sends all it may, at the rate it may, of which it reaches 95 % (docs/benchmark.md). Listing 10,000 takes two
  # minutes with an API that answers slowly.
  listing_minutes  = var.max_per_run / 5000
  sending_minutes  = var.max_requests_per_second == null ? 0 : var.max_per_run / (0.95 * var.max_requests_per_second) / 60
  open_minutes     = var.run_hours == null ? local.sending_minutes : min(local.sending_minutes, 60 * var.run_hours)
  full_run_minutes = ceil(local.listing_minutes + local.open_minutes)
  fires_in_time = (
    !var.create || !var.schedule.enabled || var.mode != "redrive" || var.max_requests_per_second == null ? true
    : local.schedule_minutes == null ? true
    : local.full_run_minutes <= local.schedule_minutes
  )
}

# What a source's paging sends goes before its filters of the same name.
locals {
  paging_params = { for name, source in var.sources : name => source.pagination.style == "none" ? [] : compact([
    source.pagination.size_param,
    lookup({ page = source.pagination.page_param, offset = source.pagination.offset_param, cursor = source.pagination.cursor_param }, source.pagination.style, ""),
  ]) }
  filters_not_sent = [for name, params in local.paging_params : "sources.${name} (${join(", ", params)})" if(
    length(distinct(params)) < length(params) || length(setintersection(params, concat(keys(var.sources[name].filters), keys(var.sources[name].filter_lists)))) > 0
  )]
}

check "every_filter_is_sent" {
  assert {
    condition     = !var.create || length(local.filters_not_sent) == 0
    error_message = "${local.prefix}: What paging sends goes before filters and itself: of ${join(", ", local.filters_not_sent)} one parameter is set twice. Set pagination.size instead of a filter for the size, or name the parameters apart; pagination.size_param = \"\" sends no size."
  }
}

check "somebody_is_notified" {
  assert {
    condition     = local.topic_has_readers
    error_message = "${local.prefix}: Nobody is notified: notifications has neither emails nor subscriptions nor a topic_arn. Digests${local.alarm_channel.has_own_topic ? "" : " and alarms"} go to a topic without a subscriber."
  }
}

# Whoever asked for no failures has asked for no alarms either; all others want to be told.
check "somebody_is_woken" {
  assert {
    # Step by step: whether there is a topic for alarms alone may be known after the apply only.
    condition = (
      !var.create || !contains(var.notifications.on, "failure") ? true
      : !var.alarms.enabled ? false
      : local.topic_has_readers || length(var.alarms.actions) > 0 ? true
      : local.alarm_channel.has_own_topic
    )
    error_message = "${local.prefix}: No alarm reaches anybody: ${var.alarms.enabled ? "notifications has neither emails nor subscriptions nor a topic, and alarms has no actions" : "alarms.enabled is false"}. Nobody would learn that the schedule is silent or that conclude failed."
  }
}

check "a_reservation_is_enough" {
  assert {
    condition     = coalesce(var.lambda.reserved_concurrency.requeue_communication, local.requests_at_a_time) >= local.requests_at_a_time
    error_message = "${local.prefix}: lambda.reserved_concurrency.requeue_communication (${coalesce(var.lambda.reserved_concurrency.requeue_communication, 0)}) is below the ${local.requests_at_a_time} requests at a time that max_concurrency allows: the others are throttled and wait. Lower max_concurrency instead."
  }
}

# A gateway that lost its route answers 404 to one request in ten, and nothing tells that from a row that is gone.
check "one_in_ten_condemns_few" {
  assert {
    condition     = !var.create || var.redrive_limit.max_attempts >= 3
    error_message = "${local.prefix}: redrive_limit.max_attempts is ${var.redrive_limit.max_attempts}: while a gateway wrongly answers one request in ten with 404, one communication in ${var.redrive_limit.max_attempts == 1 ? "ten" : "a hundred"} would wait for a person through no fault of its own. From 3 on it is one in a thousand or fewer."
  }
}

# What the ledger forgets between two tries begins with its first attempt again, and would never wait for a person.
locals {
  longest_wait_days = ceil((1.25 * var.redrive_limit.max_cooldown_seconds + 60 * coalesce(local.schedule_minutes, 0)) / 86400)
}

check "the_ledger_remembers_until_the_next_try" {
  assert {
    condition     = !var.create || var.redrive_limit.retention_days > local.longest_wait_days
    error_message = "${local.prefix}: redrive_limit.retention_days (${var.redrive_limit.retention_days}) is not above the ${local.longest_wait_days} days that may lie between two tries of a communication (max_cooldown_seconds, up to a quarter longer, and the schedule's next firing): its attempts would be forgotten, and never used up. Raise retention_days, or lower max_cooldown_seconds."
  }
}

# Of a cron() it is not known how often it fires, unless it is said.
locals {
  said_minutes    = var.schedule.period_minutes != null ? var.schedule.period_minutes : local.rate_minutes
  sources_too_old = [for name, source in var.sources : name if source.max_age_seconds == null || local.said_minutes == null ? false : source.max_age_seconds - source.min_age_seconds < 60 * local.said_minutes]
}

check "no_failure_is_too_old_for_the_next_run" {
  assert {
    condition     = !var.create || length(local.sources_too_old) == 0
    error_message = "${local.prefix}: Failures may be too old before a run lists them: max_age_seconds, less min_age_seconds, is below the ${60 * coalesce(local.said_minutes, 0)} seconds between two firings of the schedule in sources ${join(", ", local.sources_too_old)}."
  }
}

# The deadline counts from the beginning of the list, which may take the lister all of its time.
check "a_run_has_time_after_its_list" {
  assert {
    condition     = !var.create || var.run_hours == null ? true : 3600 * var.run_hours > var.lambda.timeout_seconds.list_failed
    error_message = "${local.prefix}: run_hours (${coalesce(var.run_hours, 0)}) is not more than the ${var.lambda.timeout_seconds.list_failed} seconds that listing may take (lambda.timeout_seconds.list_failed): a run may end before it has sent anything. Raise run_hours, or lower that timeout."
  }
}

check "the_period_is_not_shorter_than_the_rate" {
  assert {
    condition     = !var.create || var.schedule.period_minutes == null || local.rate_minutes == null ? true : var.schedule.period_minutes >= local.rate_minutes
    error_message = "${local.prefix}: schedule.period_minutes (${coalesce(var.schedule.period_minutes, 0)}) is below the ${coalesce(local.rate_minutes, 0)} minutes of schedule.expression: the alarm for a silent schedule would ring between two firings. Leave it out for a rate()."
  }
}

check "a_run_ends_before_the_next" {
  assert {
    condition     = local.fires_in_time
    error_message = "${local.prefix}: A run of max_per_run (${var.max_per_run}) takes ${local.full_run_minutes} minutes at max_requests_per_second (${coalesce(var.max_requests_per_second, 0)}), and the schedule fires every ${coalesce(local.schedule_minutes, 0)} minutes: firings in the meantime list nothing. Lower max_per_run, or fire less often."
  }
}
