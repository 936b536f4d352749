# What the functions import and AWS does not bring. Pure Python: one zip for every runtime and architecture.
locals {
  packages = {
    dependencies = "The libraries that the functions of ${var.prefix} import"
    redrive      = "The package that the functions of ${var.prefix} share"
  }
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.packages

  layer_name               = "${var.prefix}-${each.key}"
  description              = each.value
  filename                 = "${path.module}/../../dist/${each.key}.zip"
  source_code_hash         = filebase64sha256("${path.module}/../../dist/${each.key}.zip")
  compatible_runtimes      = [var.lambda.runtime]
  compatible_architectures = [var.lambda.architecture]

  # The old version goes when no function needs it any more.
  lifecycle {
    create_before_destroy = true
  }
}
