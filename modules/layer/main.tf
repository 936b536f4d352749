# What the functions import and AWS does not bring. Pure Python: one zip for every runtime and architecture.
resource "aws_lambda_layer_version" "this" {
  layer_name               = var.name
  description              = var.description
  filename                 = var.package
  source_code_hash         = filebase64sha256(var.package)
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]

  # The old version goes when no function needs it any more.
  lifecycle {
    create_before_destroy = true
  }
}
