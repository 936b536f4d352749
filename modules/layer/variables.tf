variable "name" {
  description = "Name of the layer."
  type        = string
}

variable "description" {
  description = "What the layer holds, as the console shows it."
  type        = string
}

variable "package" {
  description = "Path of the zip, with its entries under python/."
  type        = string
}

variable "runtime" {
  description = "Lambda runtime of the functions that use the layer."
  type        = string
}

variable "architecture" {
  description = "Instruction set of the functions that use the layer: arm64 or x86_64."
  type        = string
}
