variable "name" {
  description = "Name of the state machine and of its role."
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

variable "execution" {
  description = "What everything that runs shares: whether it is traced, the days its log is kept, the KMS key (null for keys of AWS), and its role's permissions boundary (null for none)."

  type = object({
    tracing                  = bool
    log_retention_days       = number
    kms_key_arn              = string
    permissions_boundary_arn = string
  })
}

variable "role" {
  description = "A role that is there already; null makes one."
  type        = object({ arn = string })
  default     = null
}

variable "log_group" {
  description = "A log group that is there already; null makes one."
  type        = object({ name = string })
  default     = null
}

variable "requeue_function" {
  description = "The function that sends one communication back."

  type = object({
    arn             = string
    timeout_seconds = number
  })
}

variable "batch_function" {
  description = "The function that opens and closes a batch."

  type = object({
    arn             = string
    timeout_seconds = number
  })
}

variable "conclude_function" {
  description = "The function that concludes a run: verdicts and digest."

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
  description = "Most communications of one batch."
  type        = number
}

variable "max_concurrency" {
  description = "Most requests at a time, over the whole run."
  type        = number
}

variable "max_requests_per_second" {
  description = "Most requests in a second, over the whole run; null for no limit."
  type        = number
}

variable "max_per_run" {
  description = "Most communications of one run."
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
