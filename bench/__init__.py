"""How fast, how small, how cheap: measured side by side with a peer, in the same run."""
