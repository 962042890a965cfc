"""What stands in the way of an answer, for whoever asked over HTTP; `problems` puts it on the wire."""

from collections.abc import Mapping


class Problem(Exception):
    """An answer that is no success: HTTP status, a name for machines, a sentence for people."""

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail, self.headers = status, name, detail, headers
