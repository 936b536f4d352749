variable "context" {
  description = "What all submodules share: the AWS partition, region and account they are in, and the tags of every resource."

  type = object({
    account = object({
      partition = string
      region    = string
      id        = string
    })
    tags = map(string)
  })
}

variable "alarms" {
  description = "Whether there are alarms, further actions of each, and when they begin; 0 for never. Where their runbook is."

  type = object({
    enabled        = bool
    actions        = list(string)
    waiting_days   = number
    failed_hours   = number
    truncated_runs = number
    skipped_runs   = number
    runbook        = string
  })
}

variable "dashboard_url" {
  description = "Where the dashboard is looked at, as alarms name it; null where there is none."
  type        = string
  default     = null
}

variable "alarm_names" {
  description = "Names of the alarms, by what they watch."
  type        = map(string)
}

variable "channel" {
  description = "Topic the alarms are published to, whether they are, and whether it is another than that of the digests."

  type = object({
    topic_arn     = string
    notifies      = bool
    has_own_topic = bool
  })
}

variable "metrics" {
  description = "Where the functions publish their metrics: the namespace, and the dimension that all of them have."

  type = object({
    namespace = string
    service   = string
  })
}

variable "ledger" {
  description = "The ledger's table."

  type = object({
    name = string
  })
}

variable "run_ended_rule_name" {
  description = "Name of the EventBridge rule for runs that ended otherwise."
  type        = string
}

variable "conclude" {
  description = "The function that concludes runs, also those that ended otherwise."

  type = object({
    name = string
    arn  = string
  })
}

variable "lister" {
  description = "The function that lists the failed communications, invoked asynchronously."

  type = object({
    name = string
  })
}

variable "state_machine" {
  description = "The state machine, and the error it ends with when it has sent its own digest."

  type = object({
    name             = string
    arn              = string
    incomplete_error = string
  })
}

variable "throttled_functions" {
  description = "Functions whose throttling raises an alarm: their names, by function."
  type        = map(string)
}

variable "schedule" {
  description = "The schedule, and the longest time between two firings: null where that is not known or the schedule is off, and then there is no alarm."

  type = object({
    name           = string
    period_minutes = number
  })
}
