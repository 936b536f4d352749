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
  description = "How the state machine retries, where it is not as in main.tf."
  type        = any
  default     = {}
}

variable "redrive_limit" {
  description = "How often a communication is sent back; the module's own default where nothing is said."
  type        = object({ max_attempts = optional(number) })
  default     = {}
}

variable "queue" {
  description = "The delivery queue: what the module's own variable holds; the module's defaults where nothing is said."
  type        = any
  default     = {}
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
