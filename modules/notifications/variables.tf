variable "name" {
  description = "Name of the topic."
  type        = string
}

variable "display_name" {
  description = "Whom the topic's mails are from."
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

variable "create_topic" {
  description = "Whether to make a topic; otherwise topic_arn is used."
  type        = bool
}

variable "topic_arn" {
  description = "A topic of the user's to use instead of an own one."
  type        = string
  default     = null
}

variable "emails" {
  description = "Addresses that get every notification, once they have confirmed."
  type        = set(string)
}

variable "subscriptions" {
  description = "Further subscriptions."

  type = list(object({
    protocol              = string
    endpoint              = string
    raw_message_delivery  = optional(bool)
    subscription_role_arn = optional(string)
  }))
}

variable "rule_arns" {
  description = "EventBridge rules that may publish."
  type        = list(string)
}

variable "alarm_arns" {
  description = "CloudWatch alarms that may publish."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "KMS key of the own topic; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
