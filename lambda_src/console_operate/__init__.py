"""Lambda function: the dashboard's widget for operators."""
