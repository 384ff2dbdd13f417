#!/usr/bin/env python3
"""Talks to a server over WebSocket by a client that this project did not write: `websockets`.

Prints one line for each step that a test waits for, and fails where the server does not keep its
word. The package comes from the Python package registry into a virtual environment of its own that
the next run finds again.
"""

import argparse
import asyncio
import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

# Fixed, so that a test that passed yesterday meets the same client today.
PACKAGES = ["websockets==15.0.1"]
PATIENCE = 20


def installed_python() -> Path:
    """The interpreter of an environment that holds exactly PACKAGES, made now if it is not there."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-tests"
    home = base / "websocket-client"
    python, receipt = home / "bin" / "python", home / "installed"
    wanted = "\n".join([sys.version, *PACKAGES])
    base.mkdir(parents=True, exist_ok=True)
    with open(base / "websocket-client.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if receipt.exists() and receipt.read_text(encoding="utf-8") == wanted:
            return python
        print("installing", *PACKAGES, file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
        receipt.write_text(wanted, encoding="utf-8")
    return python


async def heard(socket) -> str:
    return await asyncio.wait_for(socket.recv(), PATIENCE)


async def frame(socket) -> dict:
    return json.loads(await heard(socket))


async def enter(client, url: str, **options):
    """An open chat and its initial payload."""
    # Its own pings are sent by hand where they are wanted.
    socket = await client.connect(url, ping_interval=None, max_size=None, **options)
    opening = await frame(socket)
    assert opening["initial"] is True, opening
    return socket, opening


async def stream(socket, prompt: str) -> None:
    await socket.send(json.dumps({"action": "new_message", "prompt": prompt, "stream": True}))


async def talk(client, url: str, _: str) -> None:
    """Plain text, pings both ways, a large text, an orderly close."""
    socket, _ = await enter(client, url, subprotocols=["kafka.v1"])
    assert socket.subprotocol == "kafka.v1", socket.subprotocol
    await asyncio.wait_for(await socket.ping(), PATIENCE)
    await socket.send("hello there")
    assert await heard(socket) == "Echo: hello there"
    long = "ü" * 400_000
    await socket.send([long[:100_000], long[100_000:]])  # in fragments
    assert await heard(socket) == f"Echo: {long}"
    await socket.send(b"bytes")
    assert "error" in await frame(socket)
    await socket.close()
    assert socket.close_code == 1000, socket.close_code


async def cancel(client, url: str, _: str) -> None:
    """An answer is stopped while it streams; the other connection of the chat sees it end."""
    socket, _ = await enter(client, url)
    other, _ = await enter(client, url)
    await stream(socket, "Go on.")
    delta = await frame(socket)
    assert delta["action"] == "delta", delta
    await socket.send(json.dumps({"action": "cancel", "response_id": delta["response_id"]}))
    said = delta["text"]
    frames = []
    while (last := await heard(socket)).startswith("{"):
        frames.append(json.loads(last))
    # The last of them says that the text that follows is not all.
    assert (frames[-1]["action"], frames[-1]["status"]) == ("end", "cancelled"), frames
    said += "".join(delta["text"] for delta in frames[:-1])
    assert last == said, (last, said)
    seen = [await frame(other) for _ in range(3)]
    assert [message["message"]["status"] for message in seen] == ["complete", "streaming", "cancelled"], seen
    assert seen[2]["message"]["content"] == last, seen
    assert all(message["message"]["id"] for message in seen), seen
    await asyncio.gather(socket.close(), other.close())


async def before(client, url: str, _: str) -> None:
    """Sees the beginning of an answer, says which, and waits for the server to be killed."""
    socket, _ = await enter(client, url)
    await stream(socket, "Go on.")
    said = (await frame(socket))["text"]
    print(said, flush=True)
    try:
        while True:
            await heard(socket)
    except client.ConnectionClosed as closed:
        assert closed.rcvd is None, closed


async def again(client, url: str, answer: str) -> None:
    """After the kill: what was seen is there, and the chat goes on."""
    socket, opening = await enter(client, url)
    kept = opening["conversation"][-1]
    assert kept["role"] == "assistant" and kept["content"].startswith(answer), opening
    await socket.send(json.dumps({"action": "new_message", "prompt": "hello", "model": "echo"}))
    assert await heard(socket) == "Echo: hello"
    await socket.close()


async def documents(client, url: str, _: str) -> None:
    """A document is uploaded, read and deleted; both connections of the chat are told."""
    both = [(await enter(client, url))[0] for _ in range(2)]
    upload = {"action": "upload_document", "filename": "horn.txt"}
    await both[0].send(json.dumps({**upload, "file_data": "@@@"}))
    assert "not base64" in (await frame(both[0]))["error"]
    said = base64.b64encode(b"The horn is sounded in fog.").decode()
    await both[0].send(json.dumps({**upload, "file_data": said}))
    for socket in both:
        come, read = await frame(socket), await frame(socket)
        assert (come["action"], read["action"]) == ("document_uploaded", "document_status"), (come, read)
        assert read["document"]["processing_status"] == "completed", read
        assert come["document"]["id"] == read["document"]["id"], (come, read)
    gone = {"action": "delete_document", "document_id": read["document"]["id"]}
    await both[1].send(json.dumps(gone))
    for socket in both:
        assert await frame(socket) == {**gone, "action": "document_deleted"}
        await socket.close()


SCENARIOS = {"talk": talk, "cancel": cancel, "documents": documents, "before": before, "again": again}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the server, as its ready line tells it")
    parser.add_argument("chat", help="the id of a chat")
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("answer", nargs="?", default="", help="what was seen before the kill")
    args = parser.parse_args()
    python = installed_python()
    if Path(sys.executable) != python:
        os.execv(python, [str(python), *sys.argv])
    import websockets  # only the environment of `installed_python` has it

    url = f"{args.url.replace('http', 'ws', 1)}/ws/{args.chat}"
    asyncio.run(SCENARIOS[args.scenario](websockets, url, args.answer))
    print("done", flush=True)


if __name__ == "__main__":
    main()
