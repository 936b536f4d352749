variable "name" {
  description = "Name of the state machine and of its role."
  type        = string
}

variable "context" {
  description = "What all rooms share: the AWS partition, region and account they are in, and the tags of every resource."

  type = object({
    account = object({
      partition = string
      region    = string
      id        = string
    })
    tags = map(string)
  })
}

variable "execution" {
  description = "What everything that runs shares: whether it is traced, the days its log is kept, the KMS key (null for keys of AWS), and its role's permissions boundary (null for none)."

  type = object({
    tracing                  = bool
    log_retention_days       = number
    kms_key_arn              = string
    permissions_boundary_arn = string
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

variable "topic" {
  description = "Topic of the notifications, and its KMS key; null for none."

  type = object({
    arn         = string
    kms_key_arn = string
  })
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
