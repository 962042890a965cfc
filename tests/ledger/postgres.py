"""A PostgreSQL cluster of the tests' own: Debian's server, on a socket in a temporary folder, gone when they end.

Its language orders text otherwise than by bytes, so that whatever leans on that is found out.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

SERVERS = Path("/usr/lib/postgresql")
MISSING = f"no PostgreSQL in {SERVERS}: `apt-get install postgresql` puts one there"


@dataclass
class Cluster:
    """A running server, reached by its superuser without a password."""

    binaries: Path
    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def url(self, database: str, user: str = "market") -> str:
        return f"postgresql://{user}@/{database}?host={self.socket}"

    def emptied(self) -> str:
        """Return the URL of a database in which there is nothing, and nobody: the one before it, emptied."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'market'")
        self.run("DROP SCHEMA IF EXISTS ccei CASCADE", "market")
        return self.url("market")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside of any transaction."""
        with psycopg.connect(
            host=str(self.socket), user="market", dbname=database, autocommit=True
        ) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def set(self, name: str, value: str) -> Iterator[None]:
        """Change a setting of the server that takes effect without a restart, for a while."""
        self.run(f"ALTER SYSTEM SET {name} = {value}")
        self.run("SELECT pg_reload_conf()")
        try:
            self._wait_for(name, value)
            yield
        finally:
            self.run(f"ALTER SYSTEM RESET {name}")
            self.run("SELECT pg_reload_conf()")
            self._wait_for(name, None)

    def _wait_for(self, name: str, value: str | None) -> None:
        """Wait until the server has read its settings again; each question is a session, which does so at its start."""
        for _ in range(1_000):
            ((found, default),) = self.run(f"SELECT setting, boot_val FROM pg_settings WHERE name = '{name}'")
            if found == (default if value is None else value):
                return
        raise AssertionError(f"{name} is {found}")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.socket} -c max_connections=60"
        log = self.folder / "log"
        self._command("pg_ctl", "-D", "data", "-w", "-l", str(log), "-o", options, "start")

    def stop(self) -> None:
        """Stop at once, as a crash would: no checkpoint, no farewell."""
        self._command("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def initialise(self) -> None:
        self.socket.mkdir()
        if os.geteuid() == 0:  # the server refuses to run as root
            for path in (self.folder, self.socket):
                shutil.chown(path, *self._owner())
        language = ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C", "--encoding=UTF8")
        self._command("initdb", "-D", "data", "-U", "market", "-A", "trust", "--no-sync", *language)

    def _command(self, program: str, *arguments: str) -> None:
        user, group = self._owner() if os.geteuid() == 0 else (None, None)
        ran = subprocess.run(
            [self.binaries / program, *arguments],
            cwd=self.folder,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ran.returncode:
            log = self.folder / "log"
            said = log.read_text() if log.exists() else ran.stdout
            raise AssertionError(f"{program} ended with status {ran.returncode}: {said}")

    def _owner(self) -> tuple[int, int]:
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return entry.pw_uid, entry.pw_gid
        raise AssertionError("found neither a user postgres nor nobody to run the server as")


def servers() -> list[Path]:
    """Return the folders of the installed servers' programs, the newest last."""
    return sorted(SERVERS.glob("*/bin"), key=lambda path: int(path.parent.name))


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run a cluster; skip where there is no PostgreSQL, but fail in CI, which must have one."""
    found = servers()
    if not found:
        # `make test` installs it where it may; where it may not, SQLite is tested all the same, and CI fails
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with tempfile.TemporaryDirectory(prefix="ccei-pg-") as folder:
        cluster = Cluster(found[-1], Path(folder))
        cluster.initialise()
        cluster.start()
        cluster.run("CREATE DATABASE market")
        try:
            yield cluster
        finally:
            cluster.stop()
