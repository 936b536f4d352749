"""Lambda function: concludes a run."""
