# What plans, but will not work as its author expects: warnings, never errors.

locals {
  topic_has_readers = length(nonsensitive(var.notifications.emails)) + length(var.notifications.subscriptions) > 0 || !local.create_topic
}

check "somebody_is_notified" {
  assert {
    condition     = local.topic_has_readers
    error_message = "Nobody is notified: notifications has neither emails nor subscriptions nor a topic_arn. Digests${local.alarm_channel.has_own_topic ? "" : " and alarms"} go to a topic without a subscriber."
  }
}

# Whoever asked for no failures has asked for no alarms either; all others want to be told.
check "somebody_is_woken" {
  assert {
    # Step by step: whether there is a topic for alarms alone may be known after the apply only.
    condition = (
      !contains(var.notifications.on, "failure") ? true
      : !var.alarms.enabled ? false
      : local.topic_has_readers || length(var.alarms.actions) > 0 ? true
      : local.alarm_channel.has_own_topic
    )
    error_message = "No alarm reaches anybody: ${var.alarms.enabled ? "notifications has neither emails nor subscriptions nor a topic, and alarms has no actions" : "alarms.enabled is false"}. That the schedule is silent, or that conclude failed, nobody would learn."
  }
}

check "a_reservation_is_enough" {
  assert {
    condition     = coalesce(var.lambda.reserved_concurrency.requeue_communication, module.workflow.requests_at_a_time) >= module.workflow.requests_at_a_time
    error_message = "lambda.reserved_concurrency.requeue_communication (${coalesce(var.lambda.reserved_concurrency.requeue_communication, 0)}) is below the ${module.workflow.requests_at_a_time} requests at a time that max_concurrency allows: the others are throttled and wait. Lower max_concurrency instead."
  }
}

# A gateway that lost its route answers 404 to one request in ten, and nothing tells that from a row that is gone.
check "one_in_ten_condemns_few" {
  assert {
    condition     = var.redrive_limit.max_attempts >= 3
    error_message = "redrive_limit.max_attempts is ${var.redrive_limit.max_attempts}: while a gateway wrongly answers one request in ten with 404, one communication in ${var.redrive_limit.max_attempts == 1 ? "ten" : "a hundred"} would wait for a person through no fault of its own. From 3 on it is one in a thousand or fewer."
  }
}
