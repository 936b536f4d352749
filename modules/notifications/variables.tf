variable "name" {
  description = "Name of the topic."
  type        = string
}

variable "display_name" {
  description = "Whom the topic's mails are from."
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

variable "kms_key_arn" {
  description = "KMS key of the own topic; null for none."
  type        = string
}

variable "create_topic" {
  description = "Whether to make a topic; otherwise notifications.topic_arn is used."
  type        = bool
}

variable "notifications" {
  description = "A topic of the user's; the addresses that get every notification once they have confirmed; further subscriptions."

  type = object({
    topic_arn        = string
    alerts_topic_arn = string
    emails           = list(string)
    subscriptions = list(object({
      protocol              = string
      endpoint              = string
      raw_message_delivery  = optional(bool)
      subscription_role_arn = optional(string)
      filter_policy         = optional(map(list(string)))
    }))
  })
}

variable "publisher_arns" {
  description = "Roles that publish digests."
  type        = list(string)
}

variable "alarm_arns" {
  description = "CloudWatch alarms that may publish."
  type        = list(string)
}
