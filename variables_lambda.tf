variable "lambda" {
  description = <<-EOT
    The functions.
    - runtime: python3.11, python3.12 or python3.13.
    - architecture: arm64 or x86_64.
    - memory_mb: per function; CPU comes in proportion. That of list_failed bounds how much it lists: some 1,200 communications for each MB.
    - timeout_seconds: per function; the worker's follows from queue. The lister stops in good order shortly before, and the next run goes on.
    - log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
    - reserved_concurrency: per function, invocations at a time taken from the account's and not exceeded; null for none. The worker's must be at least queue.max_concurrency.
  EOT

  type = object({
    runtime      = optional(string, "python3.13")
    architecture = optional(string, "arm64")
    memory_mb = optional(object({
      list_failed           = optional(number, 256)
      requeue_communication = optional(number, 256)
      batch                 = optional(number, 256)
      conclude              = optional(number, 512)
      ledger_admin          = optional(number, 256)
      console_view          = optional(number, 512)
      console_operate       = optional(number, 512)
      worker                = optional(number, 256)
    }), {})
    timeout_seconds = optional(object({
      list_failed           = optional(number, 900)
      batch                 = optional(number, 30)
      requeue_communication = optional(number, 60)
      conclude              = optional(number, 900)
      ledger_admin          = optional(number, 300)
      console_view          = optional(number, 30)
      console_operate       = optional(number, 300)
    }), {})
    log_level = optional(string, "INFO")
    reserved_concurrency = optional(object({
      list_failed           = optional(number)
      requeue_communication = optional(number)
      batch                 = optional(number)
      conclude              = optional(number)
      ledger_admin          = optional(number)
      console_view          = optional(number)
      console_operate       = optional(number)
      worker                = optional(number)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.lambda.runtime)
    error_message = "lambda.runtime must be python3.11, python3.12 or python3.13; it is \"${var.lambda.runtime}\"."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda.architecture)
    error_message = "lambda.architecture must be arm64 or x86_64; it is \"${var.lambda.architecture}\"."
  }

  validation {
    condition = alltrue([for memory in values(var.lambda.memory_mb) : memory >= 128 && memory <= 10240 && floor(memory) == memory])
    error_message = format(
      "lambda.memory_mb must be whole numbers from 128 to 10240; not so: %s.",
      join(", ", [
        for name, memory in var.lambda.memory_mb : "${name} (${memory})"
        if memory < 128 || memory > 10240 || floor(memory) != memory
      ]),
    )
  }

  validation {
    condition = alltrue([
      for timeout in values(var.lambda.timeout_seconds) :
      timeout >= 10 && timeout <= 900 && floor(timeout) == timeout
    ])
    error_message = format(
      "lambda.timeout_seconds must be whole numbers from 10 to 900; not so: %s.",
      join(", ", [
        for name, timeout in var.lambda.timeout_seconds : "${name} (${timeout})"
        if timeout < 10 || timeout > 900 || floor(timeout) != timeout
      ]),
    )
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.lambda.log_level)
    error_message = "lambda.log_level must be DEBUG, INFO, WARNING, ERROR or CRITICAL; it is \"${var.lambda.log_level}\"."
  }

  validation {
    condition = alltrue([
      for limit in values(var.lambda.reserved_concurrency) :
      limit >= 1 && floor(limit) == limit if limit != null
    ])
    error_message = format(
      "lambda.reserved_concurrency must be whole numbers from 1, or null for none (to pause, set schedule.enabled = false); not so: %s.",
      join(", ", [
        for name, limit in var.lambda.reserved_concurrency : name
        if limit == null ? false : limit < 1 || floor(limit) != limit
      ]),
    )
  }
}
