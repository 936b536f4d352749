# The names of the first apply stay in the state. Another name or stage would replace everything, the ledger with it, and
# whatever is under way would be sent again.
resource "terraform_data" "first_prefix" {
  input = "${var.names.name}-${var.names.stage}"

  lifecycle {
    ignore_changes = [input]
  }
}
