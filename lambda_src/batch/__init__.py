"""Lambda function: opens and closes a batch of a run."""
