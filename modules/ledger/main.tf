locals {
  # Built from its parts, so that the plan of a first apply shows every policy that names the table.
  arn = "arn:${var.context.account.partition}:dynamodb:${var.context.account.region}:${var.context.account.id}:table/${var.name}"
}

# Without an index: whatever is asked for is found by its key. See docs/ledger.md for what lies where.
resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:DynamoDB encrypts with a key of its own unless the user names one (kms_key_arn).
  #checkov:skip=CKV2_AWS_16:On demand: there is no capacity to scale.
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "expiry"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }

  tags = var.context.tags
}

# What each function does with the table. A transaction is allowed by the actions in it.
locals {
  actions = {
    list       = ["BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]
    batch      = ["BatchGetItem", "PutItem", "UpdateItem"]
    requeue    = ["DeleteItem", "GetItem", "UpdateItem"]
    conclude   = ["BatchGetItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"]
    administer = ["BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]
    look       = ["BatchGetItem", "GetItem", "Query"]
  }
}

data "aws_iam_policy_document" "use" {
  for_each = local.actions

  statement {
    sid       = "UseTheLedger"
    actions   = [for action in each.value : "dynamodb:${action}"]
    resources = [local.arn]
  }
}

data "aws_iam_policy_document" "key" {
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "UseTheLedgersKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["dynamodb.${var.context.account.region}.amazonaws.com"]
      }
    }
  }
}
