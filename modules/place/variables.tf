variable "name" {
  description = "Name and stage of the instance, with which its errors begin."
  type        = string
}

variable "account" {
  description = "Where the module is: the account and the region."

  type = object({
    id     = string
    region = string
  })
}

variable "tags" {
  description = "Tags of the module's resources, to which those of the provider come."
  type        = map(string)
}

variable "of_the_region" {
  description = "ARNs of what must be in the module's own region, by the input that names it. One without a region is in each."
  type        = map(string)
}

variable "of_the_account" {
  description = "ARNs of what must be in the module's own account, by the input that names it. What is AWS's own is in each."
  type        = map(string)
}
