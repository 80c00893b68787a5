"""The one error tree.

    Web4Error                     exit  what the shell sees
    ├── UsageError                  2   a wrong argument
    ├── SettingsError               2   a key, a value or a path of the settings
    ├── HomeError                   3   no home, not writable, written by a newer version
    ├── JournalError                4   the journal root is missing or unreadable
    ├── BusyError                   5   another run holds the lock
    ├── DiskFullError               6   no room to publish
    ├── ModelError                  7   a model or an adapter is missing or unusable
    ├── EngineError                 8   the engine did not start, died, or answered nonsense
    ├── TrainingError               9   training failed (out of memory, non-finite loss)
    ├── VectorStoreError           10   the vector store is locked or broken
    ├── DatabaseError              11   the database is locked, broken or unreachable
    ├── ClockError                 12   the clock stands before the last committed run
    ├── IntegrityError             13   a projection does not match the truth, a hash does not match its file
    ├── ScheduleError              14   the machine's scheduler is not there or refuses
    └── ExtraError                 15   a part that is installed by an extra is not there

Exit code 1 is no error: it is the answer no (a candidate was rejected, a validation failed).
Each error carries one line for people and the next command to type.
"""


class Web4Error(Exception):
    """Base of every error a user may see.

    `message` names the thing that is wrong; `hint` is the next command to type or the change to make.
    """

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(Web4Error):
    exit_code = 2


class SettingsError(Web4Error):
    exit_code = 2


class HomeError(Web4Error):
    exit_code = 3


class JournalError(Web4Error):
    exit_code = 4


class BusyError(Web4Error):
    exit_code = 5


class DiskFullError(Web4Error):
    exit_code = 6


class ModelError(Web4Error):
    exit_code = 7


class EngineError(Web4Error):
    exit_code = 8


class TrainingError(Web4Error):
    exit_code = 9


class VectorStoreError(Web4Error):
    """`damaged`: what is stored can't be read, and must be made anew from the ledger; else it may be read later."""

    exit_code = 10

    def __init__(self, message: str, hint: str = "", *, damaged: bool = False) -> None:
        super().__init__(message, hint)
        self.damaged = damaged


class DatabaseError(Web4Error):
    exit_code = 11


class ClockError(Web4Error):
    exit_code = 12


class IntegrityError(Web4Error):
    exit_code = 13


class ScheduleError(Web4Error):
    exit_code = 14


class ExtraError(Web4Error):
    exit_code = 15
