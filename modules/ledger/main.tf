locals {
  # Built from its parts, so that the plan of a first apply shows every policy that names the table.
  arn = "arn:${var.context.account.partition}:dynamodb:${var.context.account.region}:${var.context.account.id}:table/${var.name}"

  waiting_index = "waiting"
}

# One item per communication. Only items that wait have the two attributes of the index, so it holds no others.
resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:DynamoDB encrypts with a key of its own unless the user names one (kms_key_arn).
  #checkov:skip=CKV2_AWS_16:On demand: there is no capacity to scale.
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "communication"

  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "communication"
    type = "S"
  }

  attribute {
    name = "waitingFor"
    type = "S"
  }

  attribute {
    name = "waitingSince"
    type = "N"
  }

  # What waits for a person, and what waits to be delivered, the oldest first.
  global_secondary_index {
    name            = local.waiting_index
    hash_key        = "waitingFor"
    range_key       = "waitingSince"
    projection_type = "ALL"
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

data "aws_iam_policy_document" "redrive" {
  statement {
    sid       = "ClaimAndConclude"
    actions   = ["dynamodb:UpdateItem"]
    resources = [local.arn]
  }
}

data "aws_iam_policy_document" "judge" {
  statement {
    sid       = "JudgeAndSettle"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"]
    resources = [local.arn]
  }

  statement {
    sid       = "ListWhatWaits"
    actions   = ["dynamodb:Query"]
    resources = ["${local.arn}/index/${local.waiting_index}"]
  }
}

data "aws_iam_policy_document" "administer" {
  statement {
    sid       = "ShowAndChange"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [local.arn]
  }

  statement {
    sid       = "ListWhatWaits"
    actions   = ["dynamodb:Query"]
    resources = ["${local.arn}/index/${local.waiting_index}"]
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
