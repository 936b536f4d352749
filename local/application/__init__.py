"""The example application: composes emails and SMS, sends them, and lets others list and requeue what failed.

It stands for the application of whoever uses the module. Only its HTTP API (`api.py`) is known to the module;
what is in a communication (addresses, texts) never leaves the application but to the recipient.
"""
