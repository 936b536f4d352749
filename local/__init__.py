"""The whole system on one machine: an embedded AWS, the example application and the demo."""
