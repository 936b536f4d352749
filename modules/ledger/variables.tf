variable "name" {
  description = "Name of the table."
  type        = string
}

variable "context" {
  description = "What all submodules share: the AWS partition, region and account they are in, and the tags of every resource."

  type = object({
    account = object({
      partition = string
      region    = string
      id        = string
    })
    tags = map(string)
  })
}

variable "kms_key_arn" {
  description = "KMS key of the table; null for one of AWS."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the table can only be destroyed after this was turned off."
  type        = bool
}
