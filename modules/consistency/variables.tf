# What the module's inputs must be to each other. In the validation of either of them Terraform would pass over all its
# other validations whenever the other is wrong, and a user would learn of the mistakes one by one.

variable "names" {
  description = "The parts of every name."

  type = object({
    name  = string
    stage = string
  })

  validation {
    condition     = length("${var.names.name}-${var.names.stage}") <= 42
    error_message = "name and stage must have at most 42 characters together with the hyphen between them, as AWS allows 64 for the longest name made of them; \"${var.names.name}-${var.names.stage}\" has ${length("${var.names.name}-${var.names.stage}")}."
  }
}

variable "sizes" {
  description = "Most communications of a batch and of a run."

  type = object({
    batch_size  = number
    max_per_run = number
  })

  validation {
    condition     = var.sizes.max_per_run >= var.sizes.batch_size
    error_message = "max_per_run must be at least batch_size (${var.sizes.batch_size}); it is ${var.sizes.max_per_run}."
  }

  # The Distributed Map's input, and the array of what its children give back, must fit into 256 KiB.
  validation {
    condition     = ceil(var.sizes.max_per_run / var.sizes.batch_size) <= 10000
    error_message = "max_per_run must be at most ${var.sizes.batch_size * 10000}, which is 10,000 batches of batch_size (${var.sizes.batch_size}); it is ${var.sizes.max_per_run}."
  }
}

variable "timeouts" {
  description = "Seconds of one request to the API, of the functions that make it, and between two of one communication."

  type = object({
    connect_timeout_seconds  = number
    read_timeout_seconds     = number
    function_timeout_seconds = number
    lister_timeout_seconds   = number
    max_delay_seconds        = number
    cooldown_seconds         = number
  })

  validation {
    condition     = var.timeouts.function_timeout_seconds >= var.timeouts.connect_timeout_seconds + var.timeouts.read_timeout_seconds + 5
    error_message = "lambda.timeout_seconds.requeue_communication must be at least ${var.timeouts.connect_timeout_seconds + var.timeouts.read_timeout_seconds + 5}, which is api.connect_timeout_seconds + api.read_timeout_seconds + 5, or the function ends before it can say what went wrong; it is ${var.timeouts.function_timeout_seconds}."
  }

  validation {
    condition     = var.timeouts.lister_timeout_seconds >= 2 * (var.timeouts.connect_timeout_seconds + var.timeouts.read_timeout_seconds) + 10
    error_message = "lambda.timeout_seconds.list_failed must be at least ${2 * (var.timeouts.connect_timeout_seconds + var.timeouts.read_timeout_seconds) + 10}, which is twice api.connect_timeout_seconds + api.read_timeout_seconds, and 10, or there is no time to list and to start what was listed; it is ${var.timeouts.lister_timeout_seconds}."
  }

  # A retry of the same execution finds what it has concluded already as long as nobody else may have begun anew.
  validation {
    condition     = var.timeouts.cooldown_seconds > var.timeouts.function_timeout_seconds + var.timeouts.max_delay_seconds
    error_message = "redrive_limit.cooldown_seconds must be above ${var.timeouts.function_timeout_seconds + var.timeouts.max_delay_seconds}, which is lambda.timeout_seconds.requeue_communication + retry.max_delay_seconds, so that the last retry comes before it is over; it is ${var.timeouts.cooldown_seconds}."
  }
}
