# IAM takes two keys that differ in upper and lower case alone for one, and would refuse the roles in the middle of an apply.
data "aws_default_tags" "this" {}

locals {
  keys  = keys(merge(data.aws_default_tags.this.tags, var.tags))
  twins = [for key in local.keys : key if length([for other in local.keys : other if lower(other) == lower(key)]) > 1]
}

output "go_together" {
  description = "True, or there is an error."
  value       = true

  precondition {
    condition     = length(local.twins) == 0 && length(local.keys) <= 50
    error_message = "${var.name}: tags and the provider's default_tags must be at most 50 together, and no two keys may differ in upper and lower case alone, as IAM takes them for one; there are ${length(local.keys)}, and such keys are: ${join(", ", local.twins)}."
  }
}
