"""Put one entity back into the application's queue, as the seed's CallTriggerRabbitmqLambda does: one POST."""

import json
import os
import urllib.request


def handler(event, context):
    """Post a queue entry and give the entity back."""
    headers = {
        "Authorization": f"Bearer {os.environ['TOKEN']}",
        "Content-Type": "application/json",
        "Idempotency-Key": context.aws_request_id,
    }
    entry = event | {"createdBy": "seed", "created": "2026-11-24T02:15:00Z"}
    request = urllib.request.Request(
        os.environ["BASE_URL"] + "/communications/requeue", json.dumps(entry).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        print(json.dumps(event | {"status": answer.status}))
    return event
