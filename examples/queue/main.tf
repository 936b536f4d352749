# The delivery queue alone, for a shop whose failed communications are redriven by somebody else.
module "delivery_queue" {
  source = "../../modules/queue"

  name  = "shop"
  stage = "production"

  api = {
    base_url = "https://shop.example.com/api"
    auth = {
      type       = "bearer"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/api-token-a1B2c3"
    }
  }

  worker = {
    paths = {
      "send.email" = "/emails/{primaryId}/send"
      "send.sms"   = "/sms/{primaryId}/send"
    }
    given_up_path = "/communications/{primaryId}/given-up"
  }

  alarm_topic_arn = "arn:aws:sns:eu-west-1:123456789012:operations"
}

# The shop itself may send to the queue, and no more.
resource "aws_iam_role_policy" "enqueue" {
  name   = "enqueue"
  role   = "shop"
  policy = module.delivery_queue.enqueue_policy
}
