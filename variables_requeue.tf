variable "requeue" {
  description = <<-EOT
    How one communication is sent back.
    - path: below api.base_url; may hold {primaryId} and {operation}.
    - method: POST, PUT or PATCH.
    - created_by: the queue entry's createdBy; the module's name and stage unless given.
    - accepted: what must hold of the JSON of a 2xx answer, in JMESPath, such as success, for an API that says no with a 200; null where a 2xx is enough.
  EOT

  type = object({
    path       = string
    method     = optional(string, "POST")
    created_by = optional(string)
    accepted   = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\pC\\pZ{}])*$", var.requeue.path))
    error_message = "requeue.path must begin with / and may hold {primaryId} and {operation}, such as /communications/requeue; it is \"${var.requeue.path == null ? "null" : var.requeue.path}\"."
  }

  validation {
    condition     = contains(["POST", "PUT", "PATCH"], var.requeue.method)
    error_message = "requeue.method must be POST, PUT or PATCH; it is \"${var.requeue.method}\"."
  }

  validation {
    condition     = var.requeue.accepted == null ? true : trimspace(var.requeue.accepted) != ""
    error_message = "requeue.accepted must not be empty: it is JMESPath, such as success, or null where a 2xx is enough."
  }

  validation {
    condition     = var.requeue.created_by == null ? true : can(regex("^[^\\pC\\pZ]([^\\pC\\pZ]| ){0,127}$", var.requeue.created_by))
    error_message = "requeue.created_by must be 1 to 128 printable characters, not beginning with a space."
  }
}

variable "retry" {
  description = <<-EOT
    How a communication is tried again within its batch while the API is unavailable. Each wait is random, up to what is said here.
    - max_attempts: retries after the first try; 0 for none.
    - interval_seconds: the first wait.
    - backoff_rate: how much longer each wait is than the one before.
    - max_delay_seconds: the longest wait.
  EOT

  type = object({
    max_attempts      = optional(number, 3)
    interval_seconds  = optional(number, 2)
    backoff_rate      = optional(number, 2)
    max_delay_seconds = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry.max_attempts >= 0 && var.retry.max_attempts <= 10 && floor(var.retry.max_attempts) == var.retry.max_attempts
    error_message = "retry.max_attempts must be a whole number from 0 to 10; it is ${var.retry.max_attempts}."
  }

  validation {
    condition     = var.retry.interval_seconds >= 1 && var.retry.interval_seconds <= 3600 && floor(var.retry.interval_seconds) == var.retry.interval_seconds
    error_message = "retry.interval_seconds must be a whole number from 1 to 3600; it is ${var.retry.interval_seconds}."
  }

  validation {
    condition     = var.retry.backoff_rate >= 1 && var.retry.backoff_rate <= 10
    error_message = "retry.backoff_rate must be from 1 to 10; it is ${var.retry.backoff_rate}."
  }

  validation {
    condition     = var.retry.max_delay_seconds > var.retry.interval_seconds && var.retry.max_delay_seconds <= 86400 && floor(var.retry.max_delay_seconds) == var.retry.max_delay_seconds
    error_message = "retry.max_delay_seconds must be a whole number above retry.interval_seconds (${var.retry.interval_seconds}) and at most 86400; it is ${var.retry.max_delay_seconds}."
  }
}

variable "redrive_limit" {
  description = <<-EOT
    How often a communication is sent back, and how long it waits in between. What the API turns away counts only by the run's verdict: outages of less than open_hours don't count as attempts.
    - max_attempts: afterwards it waits for a person.
    - cooldown_seconds: how long the application has to deliver what it took back, before it counts as failed again; longer than its queue ever is.
    - backoff_rate: how much longer each wait is than the one before.
    - max_cooldown_seconds: the longest wait.
    - open_hours: how long a communication may be turned away before it is charged with an attempt, whoever is to blame.
    - retention_days: how long the ledger remembers a communication that no longer fails.
  EOT

  type = object({
    max_attempts         = optional(number, 5)
    cooldown_seconds     = optional(number, 900)
    backoff_rate         = optional(number, 2)
    max_cooldown_seconds = optional(number, 86400)
    open_hours           = optional(number, 24)
    retention_days       = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.redrive_limit.max_attempts >= 1 && var.redrive_limit.max_attempts <= 100 && floor(var.redrive_limit.max_attempts) == var.redrive_limit.max_attempts
    error_message = "redrive_limit.max_attempts must be a whole number from 1 to 100; it is ${var.redrive_limit.max_attempts}."
  }

  validation {
    condition     = var.redrive_limit.cooldown_seconds >= 1 && var.redrive_limit.cooldown_seconds <= var.redrive_limit.max_cooldown_seconds
    error_message = "redrive_limit.cooldown_seconds must be from 1 to redrive_limit.max_cooldown_seconds (${var.redrive_limit.max_cooldown_seconds}); it is ${var.redrive_limit.cooldown_seconds}."
  }

  validation {
    condition     = var.redrive_limit.backoff_rate >= 1 && var.redrive_limit.backoff_rate <= 10
    error_message = "redrive_limit.backoff_rate must be from 1 to 10; it is ${var.redrive_limit.backoff_rate}."
  }

  validation {
    condition     = var.redrive_limit.max_cooldown_seconds <= 604800
    error_message = "redrive_limit.max_cooldown_seconds must be at most 604800 (a week); it is ${var.redrive_limit.max_cooldown_seconds}."
  }

  validation {
    condition     = var.redrive_limit.open_hours >= 1 && var.redrive_limit.open_hours <= 720
    error_message = "redrive_limit.open_hours must be from 1 to 720; it is ${var.redrive_limit.open_hours}."
  }

  validation {
    condition     = var.redrive_limit.retention_days >= 8 && var.redrive_limit.retention_days <= 3650
    error_message = "redrive_limit.retention_days must be from 8 to 3650; it is ${var.redrive_limit.retention_days}."
  }
}

variable "ledger" {
  description = <<-EOT
    The ledger's table.
    - deletion_protection: refuse to destroy it until this is turned off. Without its memory, what is under way is sent again.
  EOT

  type = object({
    deletion_protection = optional(bool, true)
  })
  default  = {}
  nullable = false
}
