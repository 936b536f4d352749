variable "prefix" {
  description = "What the names of the layers begin with."
  type        = string
}

variable "lambda" {
  description = "What the functions that import them run on: the runtime, and the architecture arm64 or x86_64."

  type = object({
    runtime      = string
    architecture = string
  })
}
