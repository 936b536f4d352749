"""The whole system on this machine, shown step by step and judged: ``python -m local.demo``, or ``make demo``."""
