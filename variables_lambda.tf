variable "lambda" {
  description = <<-EOT
    The functions.
    - runtime: python3.11, python3.12 or python3.13.
    - architecture: arm64 or x86_64.
    - memory_mb: per function; CPU comes in proportion. That of list_failed bounds how much it lists: some 800 communications for each MB.
    - timeout_seconds: per function; the worker's follows from queue. The lister stops in good order shortly before, and the next run goes on.
    - log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
    - log_format: Text or JSON, as Lambda writes its own lines; those of the functions are JSON either way. Null leaves a function what it has, which is Text for a new one.
    - role_arns: roles that are there already, for everything that runs: list_failed, batch, requeue_communication, conclude, ledger_admin, run (the state machine), schedule and, with dashboard, console_view and console_operate, with queue, worker. Then no role and no policy is made. What each has to allow is the output role_policies. The keys must be written out, the ARNs may be known after the apply only.
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
    log_level  = optional(string, "INFO")
    log_format = optional(string)
    role_arns  = optional(map(string))
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
    condition     = var.lambda.log_format == null ? true : contains(["Text", "JSON"], var.lambda.log_format)
    error_message = "lambda.log_format must be Text or JSON, or null; it is \"${var.lambda.log_format == null ? "null" : var.lambda.log_format}\"."
  }

  validation {
    condition = length(setsubtract(try(keys(var.lambda.role_arns), []), [
      "list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "run", "schedule",
      "console_view", "console_operate", "worker",
    ])) == 0
    error_message = format(
      "lambda.role_arns may have list_failed, batch, requeue_communication, conclude, ledger_admin, run, schedule, console_view, console_operate and worker; it also has %s.",
      join(", ", setsubtract(try(keys(var.lambda.role_arns), []), [
        "list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "run", "schedule",
        "console_view", "console_operate", "worker",
      ])),
    )
  }

  validation {
    condition = alltrue([for arn in try(values(var.lambda.role_arns), []) : can(regex("^arn:[^:]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", arn))])
    error_message = format(
      "lambda.role_arns must be ARNs of IAM roles, such as arn:aws:iam::123456789012:role/redrive-batch; not so for: %s.",
      join(", ", [
        for owner in try(keys(var.lambda.role_arns), []) : owner
        if !can(regex("^arn:[^:]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", var.lambda.role_arns[owner]))
      ]),
    )
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

variable "log_groups" {
  description = "Log groups that are there already, by who writes them: the functions (worker with queue) and run (the state machine). They are written to and not made; their retention and their key are their owner's. Whoever takes one out again sets lambda.log_format, or Lambda goes on writing there."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = length(setsubtract(keys(var.log_groups), [
      "list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "run",
      "console_view", "console_operate", "worker",
    ])) == 0
    error_message = format(
      "log_groups may have list_failed, batch, requeue_communication, conclude, ledger_admin, run, console_view, console_operate and worker; it also has %s.",
      join(", ", setsubtract(keys(var.log_groups), [
        "list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "run",
        "console_view", "console_operate", "worker",
      ])),
    )
  }

  validation {
    condition = alltrue([for name in values(var.log_groups) : can(regex("^[A-Za-z0-9_/.#-]{1,512}$", name))])
    error_message = format(
      "log_groups must be names of log groups, such as /organisation/redrive, and no ARNs; not so for: %s.",
      join(", ", [for writer, name in var.log_groups : writer if !can(regex("^[A-Za-z0-9_/.#-]{1,512}$", name))]),
    )
  }
}
