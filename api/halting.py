"""End the process at once when a promise is broken: what is in memory may no longer be what is on disk."""

import logging
import os
from typing import NoReturn

from sqlalchemy.exc import DBAPIError

from api import exit_status

log = logging.getLogger(__name__)


def halt(error: Exception) -> NoReturn:
    """End the process, saying why and what to do. Nothing is closed: the next start finds what a crash leaves."""
    log.critical(
        "stopping with exit status %d: %s. Nothing was acknowledged that is not in the record. Mend the cause (a full or "
        "failing disk, or a database server that ended the session, if the database says so; else look at the record "
        "with `ccei audit`) and start again: a start rebuilds everything from the record",
        exit_status.BROKEN,
        named_cause(error),
    )
    os._exit(exit_status.BROKEN)


def named_cause(error: Exception) -> str:
    """Return an error's kind and words in one line; of a database's, without the statement and all its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(error).__name__}: {' '.join(str(cause).split())}"
