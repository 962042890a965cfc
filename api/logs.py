"""The service's log: standard error, a line each, with its time (UTC) and level."""

import logging
import time

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"


def log_lines() -> None:
    """Send what any part of the program logs, from warnings up, to standard error; uvicorn's lines too."""
    formatter = logging.Formatter(FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    lines = logging.StreamHandler()
    lines.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
