variable "name" {
  description = "Name of the table."
  type        = string
}

variable "account" {
  description = "Where the module is: the AWS partition, the region and the account's id."

  type = object({
    partition = string
    region    = string
    id        = string
  })
}

variable "deletion_protection" {
  description = "Whether the table can only be destroyed after this was turned off."
  type        = bool
}

variable "kms_key_arn" {
  description = "KMS key of the table; null for one of AWS."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the table."
  type        = map(string)
  default     = {}
}
