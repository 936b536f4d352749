variable "title" {
  description = "What the notifications call this instance of the module: its name and stage."
  type        = string
}

variable "stage" {
  description = "The stage, as the notifications show it."
  type        = string
}

variable "account" {
  description = "Where the module is: the AWS partition, the region and the account's id."

  type = object({
    partition = string
    region    = string
    id        = string
  })
}

variable "notify" {
  description = "Whether failures are mailed."
  type        = bool
}

variable "topic_arn" {
  description = "Topic the failures are mailed by."
  type        = string
}

variable "rule_names" {
  description = "Names of the EventBridge rules."

  type = object({
    run_failed   = string
    batch_failed = string
  })
}

variable "lister" {
  description = "The function that lists the failed communications, invoked asynchronously."

  type = object({
    name           = string
    arn            = string
    log_group_name = string
  })
}

variable "state_machine" {
  description = "The state machine, and the error it ends with when it has sent its own notification."

  type = object({
    name             = string
    arn              = string
    incomplete_error = string
  })
}

variable "throttled_functions" {
  description = "Functions whose throttling raises an alarm, and the alarm's name, by function."

  type = map(object({
    function_name = string
    alarm_name    = string
  }))
}

variable "schedule_name" {
  description = "Name of the schedule."
  type        = string
}

variable "schedule_alarm_name" {
  description = "Name of the alarm for a schedule that does not fire."
  type        = string
}

variable "schedule_period_minutes" {
  description = "Longest time between two firings of the schedule; null where it is not known or the schedule is off: then there is no alarm."
  type        = number
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
