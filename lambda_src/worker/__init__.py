"""The function that a queue calls with a batch of entries: asks the application to send each, or gives it up."""
