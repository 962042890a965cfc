"""What can be wrong with a database, beside what stands in it."""


class DatabaseUnusable(Exception):
    """The database cannot be opened or written, or holds something else. Says what was found and expected."""


class RecordInUse(Exception):
    """Another process writes this record. There is one writer, ever."""
