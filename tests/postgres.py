#!/usr/bin/env python3
"""Runs a command beside a private PostgreSQL server, and removes the server afterwards.

    tests/postgres.py psql -c 'SELECT version()'

The server listens on a socket in a temporary directory and on no network; the command finds it
through PGHOST, PGUSER and PGDATABASE. Its exit code is the one returned. Nothing of it outlives
this process, not even when that is interrupted. With `--as-it-comes` before the command the server
waits for the disk, as its own settings say, which only measurements need.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_SECONDS = 30
NO_NETWORK = {"listen_addresses": ""}
# Nothing here has to survive a power cut.
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def binaries() -> Path:
    """The directory of the newest server that Debian's packages installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: float(file.parts[4]))
    if not found:
        sys.exit("postgres.py: no PostgreSQL server is installed; run `apt-get install postgresql`")
    return found[-1].parent


def server_account() -> tuple[list[str], str]:
    """How the server is started, and the account it runs as: PostgreSQL refuses to run as root."""
    # When this process is killed, the kernel interrupts the server, which then ends at once.
    start = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return start, pwd.getpwuid(os.geteuid()).pw_name
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return [*start, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"], name
    sys.exit("postgres.py: started by root, and there is neither an account `postgres` nor `nobody`")


def wait_until_ready(server: subprocess.Popen, programs: Path, directory: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run([programs / "pg_isready", "-q", "-h", directory], check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"postgres.py: the server did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.02)


def main(command: list[str], chosen: dict[str, str]) -> int:
    programs = binaries()
    start, account = server_account()
    directory = Path(tempfile.mkdtemp(prefix="kafka-pg-"))
    server = None
    try:
        shutil.chown(directory, account)
        data, log = directory / "data", directory / "log"
        subprocess.run(
            [*start, programs / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust"]
            + ["--encoding=UTF8", "--locale=C", "--no-sync"],
            check=True, cwd=directory, stdout=subprocess.DEVNULL,
        )
        settings = [f"--{name}={value}" for name, value in chosen.items()]
        with open(log, "w", encoding="utf-8") as output:
            server = subprocess.Popen(
                [*start, programs / "postgres", "-D", data, "-k", directory, *settings],
                cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # Ctrl-C in a terminal reaches the command and this process, which then ends the server.
                start_new_session=True,
            )
        wait_until_ready(server, programs, directory, log)
        place = {"PGHOST": str(directory), "PGUSER": "postgres", "PGDATABASE": "postgres"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(command, env=inherited | place, check=False).returncode
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait()
        shutil.rmtree(directory)


def end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    as_it_comes = sys.argv[1:2] == ["--as-it-comes"]
    if not sys.argv[1 + as_it_comes :]:
        sys.exit(__doc__)
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, end)
    sys.exit(main(sys.argv[1 + as_it_comes :], NO_NETWORK if as_it_comes else NO_NETWORK | NOT_DURABLE))
