"""A worker that does what its jobs say, so that a pool can be tested without an engine.

Its argument says how it starts: ``ready``, ``never``, ``dies``, ``dies-when-ready`` or ``cannot-load``; a
second one names a file to which it adds a byte at each start. Jobs are JSON objects: ``chunks`` of ``size``
bytes are sent, then DONE; ``hang`` sends them and then nothing; ``deaf`` makes it ignore cancellation;
``garbage`` sends bytes that are no frame.
"""

import json
import os
import queue
import struct
import sys
import threading
import time
from typing import Any

HEADER = struct.Struct(">BII")
JOB, INPUT, CANCEL, READY, AUDIO, EVENT, DONE, FAILED = 1, 2, 3, 16, 17, 18, 19, 20

jobs: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
cancelled: set[int] = set()


def read_exactly(count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


def read() -> None:
    while True:
        kind, request_id, length = HEADER.unpack(read_exactly(HEADER.size))
        payload = read_exactly(length)
        if kind == JOB:
            jobs.put((request_id, json.loads(payload)))
        elif kind == INPUT:
            send(EVENT, request_id, payload)
        elif kind == CANCEL:
            cancelled.add(request_id)


def send(kind: int, request_id: int, payload: bytes = b"") -> None:
    data = HEADER.pack(kind, request_id, len(payload)) + payload
    while data:
        data = data[os.write(1, data) :]


def do(request_id: int, job: dict[str, Any]) -> None:
    stop: set[int] = set() if job.get("deaf") else cancelled
    if job.get("garbage"):
        os.write(1, b"\xff" * 64)
    for number in range(job.get("chunks", 1)):
        if request_id in stop:
            break
        send(AUDIO, request_id, number.to_bytes(4, "big") + bytes(job.get("size", 4) - 4))
    while job.get("hang") and request_id not in stop:
        time.sleep(0.002)
    send(DONE, request_id, b"{}")


how = sys.argv[1]
if len(sys.argv) > 2:
    with open(sys.argv[2], "ab") as file:
        file.write(b".")
if how == "dies":
    sys.exit(3)
if how == "cannot-load":
    send(FAILED, 0, b'{"code": "engine", "reason": "there is no engine"}')
    sys.exit(0)
while how == "never":
    time.sleep(1)
threading.Thread(target=read, daemon=True).start()
send(READY, 0, b"{}")
if how == "dies-when-ready":
    sys.exit(4)
while True:
    do(*jobs.get())
