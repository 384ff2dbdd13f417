"""How soon what the command line revokes is in force on sockets that a server holds open.

Usage: python3 tests/bench/revocation.py PATH_OF_KAFKA
"""

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 20
PATIENCE_S = 10
# A close frame's code 1008, policy violation.
POLICY = b"\x03\xf0"

kafka = sys.argv[1]
data = tempfile.TemporaryDirectory()
environment = {"PATH": os.environ["PATH"]}


def run(*arguments, password=None):
    command = [kafka, *arguments, "--data-dir", data.name]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, input=password, check=True)
    return json.loads(done.stdout) if "--json" in arguments else None


def connect(head, body=b""):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.settimeout(PATIENCE_S)
    stream.sendall("\r\n".join([*head, f"Host: 127.0.0.1:{port}", "", ""]).encode() + body)
    return stream


def call(method, path, token):
    with connect([f"{method} {path} HTTP/1.1", f"Authorization: Bearer {token}", "Connection: close"]) as stream:
        answer = b"".join(iter(lambda: stream.recv(65536), b""))
    head, body = answer.split(b"\r\n\r\n", 1)
    return int(head.split()[1]), json.loads(body)


def open_socket(chat, token):
    key = base64.b64encode(os.urandom(16)).decode()
    stream = connect([
        f"GET /ws/{chat} HTTP/1.1", f"Authorization: Bearer {token}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
    ])
    seen = b""
    while b'"initial":true' not in seen:
        seen += stream.recv(65536)
    return stream


serve = [kafka, "serve", "--listen", "127.0.0.1:0", "--auth", "password", "--data-dir", data.name]
server = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
port = int(server.stdout.readline().decode().strip().rsplit(":", 1)[1])
run("user", "add", "admin@example.org", "--admin", "--json", password="a long password\n")
waits, statuses = [], set()
for number in range(ROUNDS):
    email = f"user{number}@example.org"
    run("user", "add", email, "--json", password="a long password\n")
    key = run("token", "add", "key", "--user", email, "--json")
    _, chat = call("POST", "/api/v1/chats", key["token"])
    with open_socket(chat["id"], key["token"]) as stream:
        # Other moments of the interval at which the server looks.
        time.sleep(0.037 * (number % 10))
        if number % 2:
            run("token", "delete", key["id"])
        else:
            run("user", "disable", email)
        revoked = time.monotonic()
        while POLICY not in stream.recv(65536):
            pass
        waits.append((time.monotonic() - revoked) * 1000)
    status, _ = call("GET", "/api/v1/chats", key["token"])
    statuses.add(status)
server.terminate()
print(f"{ROUNDS} open WebSockets, of accounts that were disabled or whose key was deleted: closed with 1008")
print(f"after {min(waits):.0f} ms at least, {statistics.median(waits):.0f} ms in the median, {max(waits):.0f} ms at most, "
      "from the end of the command on")
print(f"the next request with the credential: {sorted(statuses)}")
