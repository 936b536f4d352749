variable "name" {
  description = "Name of the state machine and of its role."
  type        = string
}

variable "context" {
  description = "What all resources of the module share: where they are, and how they are traced, logged, encrypted, bounded and tagged."

  type = object({
    account = object({
      partition = string
      region    = string
      id        = string
    })
    tracing                  = bool
    log_retention_days       = number
    kms_key_arn              = string
    permissions_boundary_arn = string
    tags                     = map(string)
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
