variable "name" {
  description = "Name of the schedule and of its role."
  type        = string
}

variable "group_name" {
  description = "Name of the schedule's group."
  type        = string
}

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

variable "role" {
  description = "A role that is there already; null makes one."
  type        = object({ arn = string })
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role; null for none."
  type        = string
}

variable "timing" {
  description = "When it fires: an expression, rate() or cron(), and the IANA time zone in which a cron() is read; whether it fires at all; minutes by which a firing may be late, 0 for on time."

  type = object({
    expression              = string
    timezone                = string
    enabled                 = bool
    flexible_window_minutes = number
  })
}

variable "maximum_age_seconds" {
  description = "How long a firing that cannot start the function is tried again."
  type        = number
}

variable "function_arn" {
  description = "ARN of the function it invokes."
  type        = string
}

variable "input" {
  description = "Event the function gets; may hold Scheduler's context attributes, such as <aws.scheduler.scheduled-time>."
  type        = map(string)
}
