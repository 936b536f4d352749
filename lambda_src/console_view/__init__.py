"""Lambda function: the dashboard's widget that shows."""
