# What plans, but will not work as its author expects: warnings, never errors.

check "somebody_is_notified" {
  assert {
    condition     = length(nonsensitive(var.notifications.emails)) + length(var.notifications.subscriptions) > 0 || !local.create_topic
    error_message = "Nobody is notified: notifications has neither emails nor subscriptions nor a topic_arn. Digests and alarms go to a topic without a subscriber."
  }
}

check "a_reservation_is_enough" {
  assert {
    condition     = coalesce(var.lambda.reserved_concurrency.requeue_communication, module.workflow.requests_at_a_time) >= module.workflow.requests_at_a_time
    error_message = "lambda.reserved_concurrency.requeue_communication (${coalesce(var.lambda.reserved_concurrency.requeue_communication, 0)}) is below the ${module.workflow.requests_at_a_time} requests at a time that max_concurrency allows: the others are throttled and wait. Lower max_concurrency instead."
  }
}
