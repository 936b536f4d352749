"""The function that a schedule or an operator starts: lists what failed and starts an execution for each batch."""
