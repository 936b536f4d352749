# What the functions may do beyond what every function may: documents only, each attached by its room.

data "aws_iam_policy_document" "start_batches" {
  statement {
    sid       = "StartBatches"
    actions   = ["states:StartExecution"]
    resources = [module.workflow.state_machine_arn]
  }
}
