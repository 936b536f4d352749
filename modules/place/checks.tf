# Warnings, no errors: where the provider is told another region or account than it works in, as emulators are, the plan is right.
# What an input is called is no secret where its value is one.
check "everything_is_in_the_region" {
  assert {
    condition     = length(local.other_region) == 0
    error_message = "${var.name}: what these name is not in ${var.account.region}, the region that the module is in, so the apply or the first run will fail: ${join(", ", nonsensitive(local.other_region))}."
  }
}

check "roles_are_of_the_account" {
  assert {
    condition     = length(local.other_account) == 0
    error_message = "${var.name}: what these name is not in ${var.account.id}, the account that the module is in, so the apply will fail: ${join(", ", nonsensitive(local.other_account))}."
  }
}
