# What the functions import and AWS does not bring. Pure Python: one zip for every runtime and architecture. The package
# that the functions share is in the zip of each: it changes in the same call as its handler, a layer in another.
resource "aws_lambda_layer_version" "this" {
  layer_name               = "${var.prefix}-dependencies"
  description              = "The libraries that the functions of ${var.prefix} import"
  filename                 = "${path.module}/../../dist/dependencies.zip"
  source_code_hash         = filebase64sha256("${path.module}/../../dist/dependencies.zip")
  compatible_runtimes      = [var.lambda.runtime]
  compatible_architectures = [var.lambda.architecture]

  # The old version goes when no function needs it any more.
  lifecycle {
    create_before_destroy = true
  }
}
