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

variable "notify" {
  description = "Whether alarms are mailed."
  type        = bool
}

variable "topic_arn" {
  description = "Topic the alarms are mailed by."
  type        = string
}

variable "run_ended" {
  description = "The EventBridge rule for runs that ended otherwise, and the function that it tells."

  type = object({
    rule_name     = string
    function_name = string
    function_arn  = string
  })
}

variable "conclude" {
  description = "The function that concludes runs, and the name of the alarm for when it fails."

  type = object({
    function_name = string
    alarm_name    = string
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
  description = "Functions whose throttling raises an alarm, and the alarm's name, by function."

  type = map(object({
    function_name = string
    alarm_name    = string
  }))
}

variable "schedule" {
  description = "The schedule, the name of the alarm for when it does not fire, and the longest time between two firings: null where that is not known or the schedule is off, and then there is no alarm."

  type = object({
    name           = string
    alarm_name     = string
    period_minutes = number
  })
}
