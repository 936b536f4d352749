variable "endpoint" {
  description = "URL of the embedded AWS."
  type        = string
}

variable "region" {
  description = "Region that the embedded AWS plays."
  type        = string
}

variable "api_url" {
  description = "URL of the example application."
  type        = string
}

variable "api_secret_arn" {
  description = "ARN of the secret that holds the application's bearer token."
  type        = string
}

variable "email" {
  description = "Address that gets the notifications."
  type        = string
}

variable "stage" {
  description = "Stage of the deployment: part of every name."
  type        = string
  default     = "local"
}

variable "batch_size" {
  description = "Communications a batch."
  type        = number
  default     = 20
}

variable "retry" {
  description = "How the state machine retries: quicker than in earnest, so that a demo is worth watching."
  type = object({
    max_attempts      = optional(number, 3)
    interval_seconds  = optional(number, 1)
    backoff_rate      = optional(number, 2)
    max_delay_seconds = optional(number, 2)
  })
  default = {}
}

variable "redrive_limit" {
  description = "How often a communication is sent back, and how long it waits in between; the module's own defaults where nothing is said."
  type = object({
    max_attempts         = optional(number)
    cooldown_seconds     = optional(number)
    backoff_rate         = optional(number)
    max_cooldown_seconds = optional(number)
    open_hours           = optional(number)
    retention_days       = optional(number)
  })
  default = {}
}

variable "queue" {
  description = "The first loop: what the module's own variable holds; the module's defaults where nothing is said."
  type        = any
  default     = {}
}

variable "log_level" {
  description = "Log level of the functions."
  type        = string
  default     = "INFO"
}

variable "max_per_run" {
  description = "Most communications of a run."
  type        = number
  default     = 10000
}

variable "max_concurrency" {
  description = "Most requests at a time."
  type        = number
  default     = 10
}

variable "max_requests_per_second" {
  description = "Most requests in a second; null for no limit."
  type        = number
  default     = null
}

variable "run_hours" {
  description = "Hours after which a run opens no further batch; null for no such deadline."
  type        = number
  default     = null
}

variable "breaker" {
  description = "The circuit breaker; the module's own default where nothing is said."
  type        = object({ turned_away = optional(number) })
  default     = {}
}

variable "digest" {
  description = "When digests are sent: run or daily."
  type        = string
  default     = "run"
}
