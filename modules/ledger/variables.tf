variable "name" {
  description = "Name of the table."
  type        = string
}

variable "context" {
  description = "What all resources of the module share: where they are, and how they are encrypted and tagged."

  type = object({
    account = object({
      partition = string
      region    = string
      id        = string
    })
    kms_key_arn = string
    tags        = map(string)
  })
}

variable "deletion_protection" {
  description = "Whether the table can only be destroyed after this was turned off."
  type        = bool
}
