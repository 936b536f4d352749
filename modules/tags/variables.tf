variable "name" {
  description = "Name and stage of the instance, with which its errors begin."
  type        = string
}

variable "tags" {
  description = "Tags of the module's resources, to which those of the provider come."
  type        = map(string)
}
