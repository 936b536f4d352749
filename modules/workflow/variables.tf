variable "name" {
  description = "Name of the state machine and of its role."
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

variable "requeue_function" {
  description = "The function that sends one communication back."

  type = object({
    arn             = string
    timeout_seconds = number
  })
}

variable "summarise_function" {
  description = "The function that counts the outcomes and words the notification."

  type = object({
    arn             = string
    timeout_seconds = number
  })
}

variable "topic_arn" {
  description = "Topic of the notifications."
  type        = string
}

variable "topic_kms_key_arn" {
  description = "KMS key of the topic; null for none."
  type        = string
  default     = null
}

variable "batch_size" {
  description = "Most communications of one execution."
  type        = number
}

variable "max_concurrency" {
  description = "Most communications of one execution sent at a time."
  type        = number
}

variable "retry" {
  description = "How a communication is retried while the API is unavailable."

  type = object({
    max_attempts      = number
    interval_seconds  = number
    backoff_rate      = number
    max_delay_seconds = number
  })
}

variable "tracing" {
  description = "Trace every execution with X-Ray."
  type        = bool
}

variable "log_retention_days" {
  description = "Days the log is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "KMS key for log, definition and executions; null for keys of AWS."
  type        = string
  default     = null
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
