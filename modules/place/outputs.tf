# Whether what the user gives goes together with where it is used. AWS would refuse the rest in the middle of an apply, or the
# first run would not find its secret.
data "aws_default_tags" "this" {}

locals {
  tag_keys  = keys(merge(data.aws_default_tags.this.tags, var.tags))
  twin_keys = [for key in local.tag_keys : key if length([for other in local.tag_keys : other if lower(other) == lower(key)]) > 1]

  # An account of zeros is a mocked provider's or an emulator's, and is nowhere.
  is_somewhere = can(regex("^[0-9]{12}$", var.account.id)) && var.account.id != "000000000000"

  other_region  = [for input, arn in var.of_the_region : input if local.is_somewhere && !contains(["", var.account.region], try(split(":", arn)[3], ""))]
  other_account = [for input, arn in var.of_the_account : input if local.is_somewhere && !contains(["aws", var.account.id], try(split(":", arn)[4], "aws"))]
}

output "is_right" {
  description = "True, or there is an error."
  value       = true

  precondition {
    condition     = length(local.twin_keys) == 0 && length(local.tag_keys) <= 50
    error_message = "${var.name}: tags and the provider's default_tags must be at most 50 together, and no two keys may differ in upper and lower case alone, as IAM takes them for one; there are ${length(local.tag_keys)}, and such keys are: ${join(", ", local.twin_keys)}."
  }
}
