"""What can go wrong, by name: the state machine and the notifications know these classes by their names."""

from __future__ import annotations


class RedriveError(Exception):
    """Base of the errors that this package raises on purpose; the message is for a person and holds no secret.

    Attributes
    ----------
    line
        The line of the configuration to change; empty where none is known.
    """

    line = ""


class ConfigurationError(RedriveError):
    """A setting, a secret or a field of an event is not what it must be; the message names it."""


class ApiTrouble(RedriveError):
    """A request to the API came to nothing.

    Attributes
    ----------
    http_status
        Of its answer; None where it gave none.
    retry_after
        Seconds that the API asked to be left alone; None where it named none.
    """

    def __init__(self, message: str, http_status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.retry_after = retry_after


class ApiUnavailable(ApiTrouble):
    """The API did not answer, or asks to come back later: worth another try, after ``retry_after`` seconds if any.

    Attributes
    ----------
    is_cut_off
        Whether an answer began, and broke off.
    """

    is_cut_off = False


class LedgerUnavailable(RedriveError):
    """The ledger's table did not answer, so nothing may be sent: worth another try."""


class CredentialsRefused(ApiTrouble):
    """The API answered 401 to credentials that were just read: every further call would be refused as well."""


class EntryRefused(ApiTrouble):
    """The application will never take this queue entry: no later try would change that."""


class NotAnEntry(RedriveError):
    """A text is no queue entry; the message says what is wrong and shows nothing of it."""

    def __init__(self, wrong: str) -> None:
        super().__init__(f"not an entry: {wrong}")


class QueueUnavailable(RedriveError):
    """SQS did not do what it was asked to."""


class ComesBack(RedriveError):
    """A message is not done with: the queue hands it out again later."""


class ListingError(RedriveError):
    """A source answered with something that is not a list of communications.

    Attributes
    ----------
    line
        The line of the configuration to change, such as ``sources.email.items = "data"``.
    """

    def __init__(self, message: str, line: str = "") -> None:
        super().__init__(message)
        self.line = line


class RunInProgress(RedriveError):
    """Another run is on, and this one may not go beside it."""


class FiringsPaused(RunInProgress):
    """A person has paused everything: no firing starts a run before the pause ends."""


class ExecutionNotStarted(RedriveError):
    """Step Functions did not start what carries a run out; the next firing lists again."""


class StartUnconfirmed(ExecutionNotStarted):
    """Step Functions did not say whether it started it: perhaps the run is on."""


class RateLimited(RedriveError):
    """The next slot of the request rate is too far away: worth another try, which does not count as one."""


class RunHeld(RedriveError):
    """Nothing is sent now; why is its message: ``paused`` or ``stopped`` by a person, ``asked_to_wait`` by the API."""


class BreakerOpen(RedriveError):
    """The API turns everything away, from every source of the run: it ends here."""


class RunStopped(RedriveError):
    """A person stopped the run."""


class DeadlineReached(RedriveError):
    """The run has taken ``run_hours``."""


class ConcludeUnfinished(RedriveError):
    """There was no time to conclude the whole run: the next try goes on."""


class NotificationFailed(RedriveError):
    """SNS did not take a digest: worth another try."""


class NotCarriedOn(RedriveError):
    """Lambda did not take an invocation that carries an action on: it stands where it is, until ``carryOut``."""
