"""What can go wrong, by name: the state machine and the notifications know these classes by their names."""

from __future__ import annotations


class RedriveError(Exception):
    """Base of the errors that this package raises on purpose; the message is for a person and holds no secret."""


class ConfigurationError(RedriveError):
    """A setting, a secret or a field of an event is not what it must be; the message names it."""


class ApiUnavailable(RedriveError):
    """The API did not answer, or asks to come back later: worth another try."""


class LedgerUnavailable(RedriveError):
    """The ledger's table did not answer, so nothing may be sent: worth another try."""


class CredentialsRefused(RedriveError):
    """The API answered 401 or 403: every further call would be refused as well."""


class ListingError(RedriveError):
    """A source answered with something that is not a list of communications."""


class RunIncomplete(RedriveError):
    """Part of a run failed; what could be started has been started."""
