"""A PostgreSQL that a test starts and is sure to stop."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processes import free_port


class PostgresServer:
    """On a free loopback port and a Unix socket, without fsync. Not as root: there as `postgres` or `nobody`."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[4]))
        assert found, "these tests need PostgreSQL"
        self._programs = found[-1].parent
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="coatcheck-postgres-"))
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            who = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self._who = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
            os.chown(self.folder, who.pw_uid, who.pw_gid)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "coatcheck", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        self.start()

    @property
    def url(self) -> str:
        """With a parameter already: others follow with '&'."""
        return f"postgresql://coatcheck@127.0.0.1:{self.port}/postgres?timeout=5000"

    def _run(self, program: str, *words: str) -> str:
        command = [str(self._programs / program), *words]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **self._who)
        assert done.returncode == 0, done.stdout + done.stderr
        out: str = done.stdout
        return out.strip()

    def sql(self, text: str) -> str:
        at = ["-h", str(self.folder), "-p", str(self.port), "-U", "coatcheck", "postgres"]
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text, *at)

    def start(self) -> None:
        settings = ["fsync=off", "max_connections=600", "shared_buffers=16MB", f"unix_socket_directories={self.folder}"]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += ["-h", "127.0.0.1", *(word for setting in settings for word in ("-c", setting))]
        log = self.folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, cwd="/", stdout=out, stderr=out, **self._who)
        while "ready to accept" not in log.read_text(errors="replace"):
            time.sleep(0.02)
            assert self._process.poll() is None, log.read_text(errors="replace")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGQUIT)  # at once, without a word to its clients
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres_running() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()
