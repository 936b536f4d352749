variable "name" {
  description = "Name of the schedule and of its role."
  type        = string
}

variable "group_name" {
  description = "Name of the schedule's group."
  type        = string
}

variable "description" {
  description = "What the schedule does, as the console shows it."
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

variable "expression" {
  description = "When it fires: rate() or cron()."
  type        = string
}

variable "timezone" {
  description = "IANA time zone in which a cron() is read."
  type        = string
}

variable "enabled" {
  description = "Whether it fires at all."
  type        = bool
}

variable "flexible_window_minutes" {
  description = "Minutes by which a firing may be late; 0 for on time."
  type        = number
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

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
