#!/usr/bin/env python3
"""Runs a command beside a private PostgreSQL server, and removes the server afterwards.

    tests/postgres.py psql -c 'SELECT version()'

The server listens on a socket in a temporary directory, where the command finds it through PGHOST,
PGUSER and PGDATABASE, and on port 5432 of a loopback address of its own, KAFKA_TEST_TLS_ADDRESS, where
it asks for passwords and speaks TLS as `db.test`: KAFKA_TEST_TLS_ROOT names the authority's certificate.
There the roles that are members of `tls_only` get in with TLS only, and all others either way. The exit
code is the command's. Nothing of it outlives this process, not even when that is interrupted. With
`--as-it-comes` before the command the server waits for the disk, as its own settings say, which only
measurements need.

    tests/postgres.py --servers 2

starts a server on a socket only and a streaming replica of it, or without the replica for 1, prints the directory
of each on a line of its own, and obeys the lines of its standard input until that ends: `stop fast 0`
and `stop immediate 0` end the first server as pg_ctl does, `start 0` starts it again, and 1 instead of
0 means the replica. Each line is answered by `done`.
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
NO_NETWORK = {"listen_addresses": ""}
# Nothing here has to survive a power cut.
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
TLS = {"ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}
# What pg_ctl sends to end a server.
ENDINGS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


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


class Server:
    """A server of its own, with socket, data and log in one directory, which goes with it."""

    programs = binaries()
    run, account = server_account()

    def __init__(self, primary: "Server | None" = None, address: str | None = None, *, is_durable: bool = False) -> None:
        """On a socket, or on a network as well; a replica if there is a primary."""
        self.process: subprocess.Popen | None = None
        self.directory = Path(tempfile.mkdtemp(prefix="kafka-pg-"))
        shutil.chown(self.directory, self.account)
        self.data, self.log = self.directory / "data", self.directory / "log"
        self.settings = NO_NETWORK | ({} if is_durable else NOT_DURABLE)
        try:
            self.make(primary)
            if address is not None:
                self.admit(address)
            self.start()
        except BaseException:
            self.remove()
            raise

    def make(self, primary: "Server | None") -> None:
        if primary is None:
            command = ["initdb", "--pgdata", self.data, "--username=postgres", "--auth=trust"]
            command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        else:
            command = ["pg_basebackup", "--pgdata", self.data, "--username=postgres", "--host", primary.directory]
            command += ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        program, *arguments = command
        subprocess.run(
            [*self.run, self.programs / program, *arguments],
            check=True, cwd=self.directory, stdout=subprocess.DEVNULL,
        )

    def admit(self, address: str) -> None:
        make_certificates(self.data, self.directory / "root.pem")
        (self.data / "pg_hba.conf").write_text(ADMISSION, encoding="ascii")
        os.chmod(self.data / "server.key", 0o600)
        shutil.chown(self.data / "server.key", self.account)
        self.settings |= TLS | {"listen_addresses": address}

    def start(self) -> None:
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        with open(self.log, "a", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [*self.run, self.programs / "postgres", "-D", self.data, "-k", self.directory, *settings],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # Ctrl-C in a terminal reaches the command and this process, which then ends the server.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        ready = [self.programs / "pg_isready", "-q", "-h", self.directory]
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"postgres.py: the server did not start:\n{self.log.read_text(encoding='utf-8')}")
            time.sleep(0.02)

    def stop(self, ending: str) -> None:
        if self.process is not None:
            self.process.send_signal(ENDINGS[ending])
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.stop("fast")
        shutil.rmtree(self.directory)


def run_beside(command: list[str], *, is_durable: bool = False) -> int:
    address = free_address()
    server = Server(address=address, is_durable=is_durable)
    try:
        ask = [Server.programs / "psql", "-q", "-h", server.directory, "-U", "postgres", "-c", "CREATE ROLE tls_only"]
        subprocess.run(ask, check=True)
        place = {
            "PGHOST": str(server.directory), "PGUSER": "postgres", "PGDATABASE": "postgres",
            "KAFKA_TEST_TLS_ADDRESS": address, "KAFKA_TEST_TLS_ROOT": str(server.directory / "root.pem"),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(command, env=inherited | place, check=False).returncode
    finally:
        server.remove()


def obey(count: int) -> int:
    servers: list[Server] = []
    try:
        for _ in range(count):
            servers.append(Server(servers[0] if servers else None))
            print(servers[-1].directory, flush=True)
        for line in sys.stdin:
            match line.split():
                case ["start", number]:
                    servers[int(number)].start()
                case ["stop", ending, number]:
                    servers[int(number)].stop(ending)
                case _:
                    sys.exit(f"postgres.py: {line!r} means nothing")
            print("done", flush=True)
        return 0
    finally:
        # The replica first: a primary that ends waits until it has sent everything.
        for server in reversed(servers):
            server.remove()


def end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, end)
    match sys.argv[1:]:
        case ["--servers", ("1" | "2") as count]:
            sys.exit(obey(int(count)))
        case ["--as-it-comes", *command] if command:
            sys.exit(run_beside(command, is_durable=True))
        case command:
            sys.exit(run_beside(command))
