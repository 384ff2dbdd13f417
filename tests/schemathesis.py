#!/usr/bin/env python3
"""Holds the server against its own document: schemathesis calls every operation of /openapi.json with data that it makes
of the schemas, good and bad, in open mode and with passwords.

Takes the program to test. What is asked stands in schemathesis.toml, what it is asked about in schemathesis_hooks.py.
Prints how many operations were called how often, and the share of answers that were 2xx.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import venv
from collections import Counter
from pathlib import Path

# Fixed, so that what passed yesterday is asked the same today.
PACKAGES = """
anyio==4.16.0 certifi==2026.10.19.post1 charset-normalizer==3.5.3 click==8.5.1 graphql-core==3.3.2 harfile==0.6.0
hypothesis==6.170.17 hypothesis-graphql==0.13.5 idna==3.20 iniconfig==2.3.1 jsonschema_rs==0.60.3 markdown-it-py==4.3.0
MarkupSafe==3.0.4 mdurl==0.1.2 packaging==26.4 pluggy==1.7.0 Pygments==2.21.0 pyrate-limiter==4.5.1 pytest==9.2.0
PyYAML==6.0.4 requests==2.34.2 rich==15.0.0 schemathesis==4.32.5 sortedcontainers==2.4.0 typing_extensions==4.16.0
urllib3==2.8.0 Werkzeug==3.1.9
""".split()
LEAST_EXAMPLES = 20
LEAST_SHARE = 0.30
EMAIL, PASSWORD = "k@example.org", "the castle of words"
HERE = Path(__file__).parent


def installed() -> Path:
    """The programs of an environment that holds exactly PACKAGES, made now if it is not there."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-tests"
    home = base / "schemathesis"
    receipt, wanted = home / "installed", "\n".join([sys.version, *PACKAGES])
    base.mkdir(parents=True, exist_ok=True)
    with open(base / "schemathesis.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not receipt.exists() or receipt.read_text(encoding="utf-8") != wanted:
            print("installing schemathesis", file=sys.stderr, flush=True)
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            pip = [home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
            receipt.write_text(wanted, encoding="utf-8")
    return home / "bin"


def post(url: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


class Server:
    """The program on a database of its own, until it is left."""

    def __init__(self, program: str, *flags: str):
        self.data = tempfile.TemporaryDirectory()
        listen = [program, *(["serve"] if Path(program).name == "kafka" else []), "--listen=127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*listen, f"--data-dir={self.data.name}", *flags], stdout=subprocess.PIPE, text=True,
            stderr=open(Path(self.data.name) / "log", "w", encoding="utf-8"),
        )

    def __enter__(self) -> str:
        return self.process.stdout.readline().removeprefix("listening on ").strip()

    def __exit__(self, *failure):
        self.process.terminate()
        self.process.wait(30)
        self.data.cleanup()


def counted(report: Path, url: str) -> tuple[dict[str, Counter], set[str]]:
    """How often each operation was called, by status; and the operations that take nothing, of which there is one
    example. Methods that a path does not have are no operations.
    """
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=60) as reply:
        paths = json.load(reply)["paths"]
    # What the document is read from is not called for its own sake; `tests/suite/openapi.rs` does.
    del paths["/openapi.json"]
    operations = {f"{method.upper()} {path}": of for path, methods in paths.items() for method, of in methods.items()}
    alike = {name for name, of in operations.items() if not of["parameters"] and "requestBody" not in of}
    calls = {operation: Counter() for operation in operations}
    for line in report.read_text(encoding="utf-8").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder")
        for case, interaction in (recorder or {}).get("interactions", {}).items():
            value = recorder["cases"][case]["value"]
            operation = f"{value['method']} {value['path']}"
            if operation in operations:
                status = (interaction.get("response") or {}).get("status_code")
                calls[operation][status] += 1
    return calls, alike


def conforms(programs: Path, url: str, mode: str, token: str | None) -> bool:
    # In whatever order sets are walked, it is the same on every machine.
    environment = {**os.environ, "KAFKA_URL": url, "KAFKA_EMAIL": EMAIL, "PYTHONHASHSEED": "0"}
    environment |= {"KAFKA_TOKEN": token} if token else {}
    command = [programs / "st", "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json"]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "calls.ndjson"
        options = ["--report-ndjson-path", report]
        # Where nobody needs a credential, none can be ignored.
        options += [] if token else ["--exclude-checks", "ignored_auth"]
        status = subprocess.run([*command, *options, *sys.argv[2:]], env=environment, cwd=HERE, check=False).returncode
        shutil.copy(report, os.environ["KEEP"]) if "KEEP" in os.environ else None
        calls, alike = counted(report, url)
    total = Counter()
    for statuses in calls.values():
        total.update(statuses)
    asked, good = sum(total.values()), sum(count for status, count in total.items() if 200 <= status < 300)
    fewest = min(calls.keys() - alike, key=lambda operation: sum(calls[operation].values()))
    if "KEEP" in os.environ:
        for operation, statuses in sorted(calls.items()):
            print(f"    {operation}: {dict(statuses)}")
    least = sum(calls[fewest].values())
    print(
        f"{mode}: {len(calls)} operations, {asked} examples, {least} at least ({fewest}; {len(alike)} take nothing that could "
        f"differ), {good / asked:.0%} of answers 2xx", flush=True,
    )
    return status == 0 and least >= LEAST_EXAMPLES and good / asked >= LEAST_SHARE


def main() -> int:
    program, programs = sys.argv[1], installed()
    with Server(program) as url:
        is_good = conforms(programs, url, "open", None)
    with Server(program, "--auth=password", "--registration=open") as url:
        # The first account is the administrator; the one that calls is none.
        post(f"{url}/api/v1/auth/register", {"email": "admin@example.org", "password": PASSWORD})
        account = post(f"{url}/api/v1/auth/register", {"email": EMAIL, "password": PASSWORD})
        is_good &= conforms(programs, url, "password", account["token"])
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
