# What the inputs must be to each other. Not a validation of one of them: Terraform passes over all validations of a variable
# that looks at another which is wrong, and a user would learn of his mistakes one by one.

locals {
  request_seconds = var.api.connect_timeout_seconds + var.api.read_timeout_seconds

  least_requeue_seconds = local.request_seconds + 5
  least_lister_seconds  = 2 * local.request_seconds + 10

  # A retry of the same execution finds what it has concluded already as long as nobody else may have begun anew.
  last_retry_seconds = var.lambda.timeout_seconds.requeue_communication + var.retry.max_delay_seconds

  alarm_targets = distinct(concat(local.alarm_channel.notifies ? [local.alarm_channel.topic_arn] : [], var.alarms.actions))

  missing_roles = var.lambda.role_arns == null ? [] : setsubtract(concat(
    ["list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "run", "schedule"],
    var.dashboard.enabled ? ["console_view"] : [],
    var.dashboard.enabled && var.dashboard.operators ? ["console_operate"] : [],
    var.queue.enabled ? ["worker"] : [],
  ), keys(var.lambda.role_arns))
}

module "tags" {
  source = "./modules/tags"
  count  = var.create ? 1 : 0

  name = local.prefix
  tags = var.tags
}

# The names of the first apply stay in the state. Another name or stage would replace everything, the ledger with it, and
# whatever is under way would be sent again.
resource "terraform_data" "first_prefix" {
  count = var.create ? 1 : 0

  input = local.prefix

  lifecycle {
    ignore_changes = [input]

    precondition {
      condition     = length(local.prefix) <= 42
      error_message = "${local.prefix}: name and stage must have at most 42 characters together with the hyphen between them, as AWS allows 64 for the longest name made of them; they have ${length(local.prefix)}."
    }

    precondition {
      condition     = var.max_per_run >= var.batch_size
      error_message = "${local.prefix}: max_per_run must be at least batch_size (${var.batch_size}); it is ${var.max_per_run}."
    }

    # The Distributed Map's input, and the array of what its children give back, must fit into 256 KiB.
    precondition {
      condition     = ceil(var.max_per_run / var.batch_size) <= 10000
      error_message = "${local.prefix}: max_per_run must be at most ${var.batch_size * 10000}, which is 10,000 batches of batch_size (${var.batch_size}); it is ${var.max_per_run}."
    }

    precondition {
      condition     = var.lambda.timeout_seconds.requeue_communication >= local.least_requeue_seconds
      error_message = "${local.prefix}: lambda.timeout_seconds.requeue_communication must be at least ${local.least_requeue_seconds}, which is api.connect_timeout_seconds + api.read_timeout_seconds + 5, or the function ends before it can say what went wrong; it is ${var.lambda.timeout_seconds.requeue_communication}."
    }

    precondition {
      condition     = var.lambda.timeout_seconds.list_failed >= local.least_lister_seconds
      error_message = "${local.prefix}: lambda.timeout_seconds.list_failed must be at least ${local.least_lister_seconds}, which is twice api.connect_timeout_seconds + api.read_timeout_seconds, and 10, or there is no time to list and to start what was listed; it is ${var.lambda.timeout_seconds.list_failed}."
    }

    precondition {
      condition     = var.redrive_limit.cooldown_seconds > local.last_retry_seconds
      error_message = "${local.prefix}: redrive_limit.cooldown_seconds must be above ${local.last_retry_seconds}, which is lambda.timeout_seconds.requeue_communication + retry.max_delay_seconds, so that the last retry comes before it is over; it is ${var.redrive_limit.cooldown_seconds}."
    }

    # Of an alarm: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    precondition {
      condition     = !var.alarms.enabled || length(local.alarm_targets) <= 5
      error_message = "${local.prefix}: alarms.actions must be at most ${local.alarm_channel.notifies ? "4, beside the topic of notifications" : "5"}, as an alarm of CloudWatch tells five; there are ${length(var.alarms.actions)}."
    }

    precondition {
      condition     = length(local.not_jmespath) == 0
      error_message = "${local.prefix}: these must be JMESPath, such as data.emails, meta.next or \"failed-at\" in its quotes (https://jmespath.org): ${join(", ", nonsensitive(local.not_jmespath))}."
    }

    precondition {
      condition     = length(local.missing_roles) == 0
      error_message = "${local.prefix}: lambda.role_arns must have a role for everything that runs, or be null for roles of the module's own; missing: ${join(", ", nonsensitive(local.missing_roles))}."
    }

    postcondition {
      condition     = self.output == local.prefix
      error_message = "${local.prefix}: name and stage cannot change after the first apply: everything would be replaced and the ledger lost, with its memory of what is under way. They make \"${local.prefix}\" and made \"${self.output}\". For another name, call the module a second time and remove this call when nothing is under way."
    }
  }
}
