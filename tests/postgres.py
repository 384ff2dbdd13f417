#!/usr/bin/env python3
"""Runs a command beside a private PostgreSQL server, and removes the server afterwards.

    tests/postgres.py psql -c 'SELECT version()'

The server listens on a socket in a temporary directory, where the command finds it through PGHOST,
PGUSER and PGDATABASE, and on port 5432 of a loopback address of its own, KAFKA_TEST_TLS_ADDRESS, where
it asks for passwords and speaks TLS as `db.test`: KAFKA_TEST_TLS_ROOT names the authority's certificate.
There the roles that are members of `tls_only` get in with TLS only, and all others either way. The exit
code is the command's. Nothing of it outlives this process, not even when that is interrupted.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_SECONDS = 30
NAME = "db.test"
ADMISSION = """\
local     all  all        trust
hostssl   all  +tls_only  all  scram-sha-256
hostnossl all  +tls_only  all  reject
host      all  all        all  scram-sha-256
"""
SETTINGS = {
    "ssl": "on",
    "ssl_cert_file": "server.pem",
    "ssl_key_file": "server.key",
    # Nothing here has to survive a power cut.
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


def free_address() -> str:
    """A loopback address where nobody listens on PostgreSQL's port."""
    while True:
        address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        with socket.socket() as trial:
            try:
                trial.bind((address, 5432))
            except OSError:
                continue
            return address


def make_certificates(data: Path, root: Path) -> None:
    """An authority at `root`, and the server's key and certificate, which it vouches for."""

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *arguments], check=True, cwd=data, capture_output=True)

    new = ["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    usages = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]
    added = [part for usage in usages for part in ("-addext", usage)]
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority of a test", "-keyout", "root.key", "-out", root, *added)
    openssl(*new, "-subj", f"/CN={NAME}", "-keyout", "server.key", "-out", "server.csr")
    (data / "names").write_text(f"subjectAltName=DNS:{NAME}\n", encoding="ascii")
    openssl("x509", "-req", "-in", "server.csr", "-CA", root, "-CAkey", "root.key", "-set_serial", "1", "-days", "2",
            "-extfile", "names", "-out", "server.pem")


def main(command: list[str]) -> int:
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
        root, address = directory / "root.pem", free_address()
        make_certificates(data, root)
        (data / "pg_hba.conf").write_text(ADMISSION, encoding="ascii")
        os.chmod(data / "server.key", 0o600)
        shutil.chown(data / "server.key", account)
        settings = [f"--{name}={value}" for name, value in (SETTINGS | {"listen_addresses": address}).items()]
        with open(log, "w", encoding="utf-8") as output:
            server = subprocess.Popen(
                [*start, programs / "postgres", "-D", data, "-k", directory, *settings],
                cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # Ctrl-C in a terminal reaches the command and this process, which then ends the server.
                start_new_session=True,
            )
        wait_until_ready(server, programs, directory, log)
        subprocess.run([programs / "psql", "-q", "-h", directory, "-U", "postgres", "-c", "CREATE ROLE tls_only"], check=True)
        place = {
            "PGHOST": str(directory), "PGUSER": "postgres", "PGDATABASE": "postgres",
            "KAFKA_TEST_TLS_ADDRESS": address, "KAFKA_TEST_TLS_ROOT": str(root),
        }
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
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, end)
    sys.exit(main(sys.argv[1:]))
