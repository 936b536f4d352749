variable "notifications" {
  description = <<-EOT
    Who is notified, and of what.
    - emails: addresses, known when it is planned; each gets a mail from AWS to confirm first.
    - on: success, failure or both. Failure includes runs that ended otherwise, what is new for a person, and the alarms.
    - digest: run for a digest of each run that has something new to say, daily for at most one in 24 hours, which adds up the runs since the last.
    - topic_arn: a topic of yours instead of one of the module's. Its policy must allow what the output topic_policy says.
    - create_topic: false where topic_arn is that of a topic made in the same apply, as the plan does not know it yet.
    - topic_kms_key_arn: the key of that topic, if it has one.
    - alerts_topic_arn: a topic of yours for alarms alone; null for the same as digests. There alarms are published whatever `on` says, also those that a digest says, too, and each says when it is over. Its policy must allow what the output alerts_topic_policy says.
    - subscriptions: further ones: protocol email-json, sms, https, sqs, lambda, firehose or application, its endpoint and, for sqs, https and firehose, raw_message_delivery; firehose needs subscription_role_arn. filter_policy takes only digests with these attributes, such as { severity = ["error", "warning"] }: result (docs/monitoring.md has its values), severity (error, warning or info) and stage. Alarms have none, so a filter drops them. Add a new one at the end: those behind it would be subscribed, and have to confirm, anew.
  EOT

  type = object({
    emails            = optional(list(string), [])
    on                = optional(list(string), ["success", "failure"])
    digest            = optional(string, "run")
    topic_arn         = optional(string)
    create_topic      = optional(bool)
    topic_kms_key_arn = optional(string)
    alerts_topic_arn  = optional(string)
    subscriptions = optional(list(object({
      protocol              = string
      endpoint              = string
      raw_message_delivery  = optional(bool)
      subscription_role_arn = optional(string)
      filter_policy         = optional(map(list(string)))
    })), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for email in var.notifications.emails : can(regex("^[^@\\s,;<>]+@[^@\\s,;<>]+$", email))])
    error_message = format(
      "notifications.emails must be plain addresses, such as operations@example.com; not so: %s.",
      join(", ", [for email in var.notifications.emails : email == null ? "null" : "\"${email}\"" if !can(regex("^[^@\\s,;<>]+@[^@\\s,;<>]+$", email))]),
    )
  }

  validation {
    condition = length(setsubtract(var.notifications.on, ["success", "failure"])) == 0
    error_message = format(
      "notifications.on must hold success, failure, both or nothing; it also holds %s.",
      join(", ", [for result in setsubtract(var.notifications.on, ["success", "failure"]) : result == null ? "null" : result]),
    )
  }

  validation {
    condition     = contains(["run", "daily"], var.notifications.digest)
    error_message = "notifications.digest must be run or daily; it is \"${var.notifications.digest}\"."
  }

  validation {
    condition     = var.notifications.topic_arn == null ? true : can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.notifications.topic_arn))
    error_message = "notifications.topic_arn must be the ARN of a standard SNS topic (alarms cannot publish to a FIFO topic), such as arn:aws:sns:eu-west-1:123456789012:operations; it is \"${var.notifications.topic_arn == null ? "null" : var.notifications.topic_arn}\"."
  }

  validation {
    condition     = var.notifications.alerts_topic_arn == null ? true : can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.notifications.alerts_topic_arn))
    error_message = "notifications.alerts_topic_arn must be the ARN of a standard SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alerts; it is \"${var.notifications.alerts_topic_arn == null ? "null" : var.notifications.alerts_topic_arn}\"."
  }

  validation {
    condition     = var.notifications.create_topic == null ? true : var.notifications.create_topic == (var.notifications.topic_arn == null)
    error_message = "notifications.create_topic must be false where notifications.topic_arn is given and true where it is not, or be left out."
  }

  validation {
    condition     = var.notifications.topic_kms_key_arn == null ? true : var.notifications.topic_arn != null && can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.notifications.topic_kms_key_arn))
    error_message = "notifications.topic_kms_key_arn must be the ARN of a KMS key, not of an alias, and goes with notifications.topic_arn; the module's own topic is encrypted with kms_key_arn."
  }

  validation {
    condition = length(setsubtract(
      [for subscription in var.notifications.subscriptions : try(coalesce(subscription.protocol), "null")],
      ["email-json", "sms", "https", "sqs", "lambda", "firehose", "application"],
    )) == 0
    error_message = format(
      "notifications.subscriptions[*].protocol must be email-json, sms, https, sqs, lambda, firehose or application (email: see notifications.emails); not so: %s.",
      join(", ", setsubtract(
        [for subscription in var.notifications.subscriptions : try(coalesce(subscription.protocol), "null")],
        ["email-json", "sms", "https", "sqs", "lambda", "firehose", "application"],
      )),
    )
  }

  # Not the endpoint itself, which may be a secret: a pager's URL is.
  validation {
    condition = alltrue([for subscription in var.notifications.subscriptions : can(regex(lookup({
      email-json = "^[^@\\s]+@[^@\\s]+$"
      sms        = "^\\+[1-9][0-9]{6,14}$"
      https      = "^https://\\S+$"
    }, subscription.protocol, "^arn:[^:]+:${subscription.protocol == "application" ? "sns" : subscription.protocol}:[^:]+:[0-9]{12}:.+$"), subscription.endpoint)) if try(contains(["email-json", "sms", "https", "sqs", "lambda", "firehose", "application"], subscription.protocol), false)])
    error_message = "notifications.subscriptions[*].endpoint must be an address where the protocol is email-json, a number such as +491701234567 where it is sms, an https:// URL where it is https, and else an ARN such as arn:aws:sqs:eu-west-1:123456789012:digests."
  }

  validation {
    condition     = alltrue([for subscription in var.notifications.subscriptions : subscription.protocol != "sqs" || !endswith(subscription.endpoint, ".fifo") if try(subscription.endpoint, null) != null])
    error_message = "notifications.subscriptions[*].endpoint must be a standard queue where the protocol is sqs: a standard topic delivers to no FIFO queue."
  }

  validation {
    condition     = length(distinct([for subscription in var.notifications.subscriptions : [subscription.protocol, subscription.endpoint] if subscription != null])) == length([for subscription in var.notifications.subscriptions : subscription if subscription != null])
    error_message = "notifications.subscriptions must name each endpoint once for a protocol: SNS takes a second one for the first, and whichever Terraform removed would be gone for both."
  }

  validation {
    condition = alltrue([
      for subscription in var.notifications.subscriptions :
      try(contains(["sqs", "https", "firehose"], subscription.protocol) || !subscription.raw_message_delivery, true)
    ])
    error_message = "notifications.subscriptions[*].raw_message_delivery must be true only where the protocol is sqs, https or firehose."
  }

  validation {
    condition = alltrue(flatten([for subscription in var.notifications.subscriptions : [for name, values in try(coalesce(subscription.filter_policy, {}), {}) : (
      try(length(values) > 0 && alltrue([for value in values : name == "stage" ? value != null : contains(name == "severity" ? ["error", "warning", "info"] : ["could_not_start", "ended_early", "nothing_sent", "not_requeued", "list_incomplete", "source_needs_a_look", "for_a_person", "resolved", "requeued", "report", "report_incomplete"], value)]), false)
    )]]))
    error_message = "notifications.subscriptions[*].filter_policy must have one or more values for each attribute, those of severity error, warning or info, those of result could_not_start, ended_early, nothing_sent, not_requeued, list_incomplete, source_needs_a_look, for_a_person, resolved, requeued, report or report_incomplete, such as { severity = [\"error\", \"warning\"] }."
  }

  validation {
    condition = length(setsubtract(
      flatten([for subscription in var.notifications.subscriptions : try(keys(subscription.filter_policy), [])]),
      ["result", "severity", "stage"],
    )) == 0
    error_message = format(
      "notifications.subscriptions[*].filter_policy may have result, severity and stage; it also has %s.",
      join(", ", setsubtract(
        flatten([for subscription in var.notifications.subscriptions : try(keys(subscription.filter_policy), [])]),
        ["result", "severity", "stage"],
      )),
    )
  }

  validation {
    condition = alltrue([
      for subscription in var.notifications.subscriptions :
      (subscription.protocol == "firehose") == (subscription.subscription_role_arn != null) && (subscription.subscription_role_arn == null ? true : can(regex("^arn:[^:]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", subscription.subscription_role_arn))) if subscription != null
    ])
    error_message = "notifications.subscriptions[*].subscription_role_arn must be given where the protocol is firehose, and only there: the ARN of an IAM role, such as arn:aws:iam::123456789012:role/digests."
  }
}

variable "alarms" {
  description = <<-EOT
    CloudWatch alarms for what no digest says, and for what goes on too long. docs/operations.md has what to do for each.
    - enabled: false for none of them.
    - actions: ARNs of what each alarm also tells when it begins and when it is over, such as further SNS topics or incidents of Systems Manager.
    - waiting_days: days that a communication may wait for a person; 0 turns the alarm off.
    - failed_hours: hours that a communication may have failed although runs take place, which is what you promise your customers; 0 turns the alarm off. Counted from failed_at where a source has it, else from when the module first sent it.
    - truncated_runs: runs in a row that may lack the time to read every list to its end; 0 turns the alarm off.
    - skipped_runs: firings in a row that may find another run on; 0 turns the alarm off. At most as many as there are in seven days.
    - runbook: where docs/operations.md is, as alarms name it, such as the URL of your copy.
  EOT

  type = object({
    enabled        = optional(bool, true)
    actions        = optional(list(string), [])
    waiting_days   = optional(number, 3)
    failed_hours   = optional(number, 48)
    truncated_runs = optional(number, 3)
    skipped_runs   = optional(number, 6)
    runbook        = optional(string, "docs/operations.md")
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for arn in var.alarms.actions : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:\\S+$", arn)) && !can(regex("[.]fifo$", arn))])
    error_message = format(
      "alarms.actions must be ARNs, and no FIFO topics, to which alarms cannot publish; not so: %s.",
      join(", ", [for arn in var.alarms.actions : arn == null ? "null" : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:\\S+$", arn)) || can(regex("[.]fifo$", arn))]),
    )
  }

  validation {
    condition     = var.alarms.waiting_days >= 0 && var.alarms.waiting_days <= 365 && var.alarms.failed_hours >= 0 && var.alarms.failed_hours <= 8760
    error_message = "alarms.waiting_days must be from 0 to 365 and alarms.failed_hours from 0 to 8760; they are ${var.alarms.waiting_days} and ${var.alarms.failed_hours}."
  }

  validation {
    condition = alltrue([
      for runs in [var.alarms.truncated_runs, var.alarms.skipped_runs] :
      runs >= 0 && runs <= 24 && floor(runs) == runs
    ])
    error_message = "alarms.truncated_runs and alarms.skipped_runs must be whole numbers from 0 to 24; they are ${var.alarms.truncated_runs} and ${var.alarms.skipped_runs}."
  }

  validation {
    condition     = can(regex("^[^\\s#]{1,300}$", var.alarms.runbook))
    error_message = "alarms.runbook must be a path or URL of at most 300 characters without spaces and #, to which #… is added; it is \"${var.alarms.runbook}\"."
  }
}

variable "dashboard" {
  description = <<-EOT
    A CloudWatch dashboard for the person on call: what to do now, graphs, alarms, the last errors, and what waits for a person.
    - enabled: true creates it, and the function console_view, which its widget shows.
    - operators: false for none of the buttons: no widget, and no function, that changes anything. Who may use them is IAM's: the output dashboard has both policies.
  EOT

  type = object({
    enabled   = optional(bool, false)
    operators = optional(bool, true)
  })
  default  = {}
  nullable = false
}
