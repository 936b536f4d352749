"""The function that a state machine calls for each communication: sends it back through the application's API."""
