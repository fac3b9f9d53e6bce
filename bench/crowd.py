"""Many clients in one process of their own: ``python -m bench.crowd order|poll PORT …``.

``order PORT FORM KIND COUNT AT_ONCE`` has AT_ONCE clients place COUNT orders, each held until its video
is there, and prints how they were answered. ``poll PORT COUNT SECONDS PATH…``
has COUNT clients ask for one of the paths every second, and prints how long they waited.
"""  # noqa: E501

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from bench.wire import Connection

ARRIVALS = 200
"""New clients each second."""
EVERY = 1.0
"""Seconds from one look of a client to its next: what `Retry-After` asks of it."""


async def order(port: int, form: bytes, kind: str, count: int, at_once: int) -> None:
    """Place orders, and print how many were answered how, and in how many seconds."""
    outcomes: Counter[str] = Counter()
    left = iter(range(count))

    async def client(number: int) -> None:
        # Nobody's clients all come in the same instant.
        await asyncio.sleep(number / ARRIVALS)
        connection = await Connection.open(port)
        for _ in left:
            try:
                answer = await connection.ask("POST", "/lipsync", form, kind)
            except ConnectionError:
                outcomes["no answer"] += 1
                connection = await Connection.open(port)
                continue
            told = json.loads(answer.body)
            outcomes[f"{answer.status} {told.get('code') or told['status']}"] += 1

    began = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(at_once)))
    print(json.dumps({"outcomes": outcomes, "seconds": time.perf_counter() - began}))


async def poll(port: int, count: int, seconds: float, paths: list[str]) -> None:
    """Ask as long as that, and print what each look took, in milliseconds."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        connection = await Connection.open(port)
        await asyncio.sleep(random.uniform(0, EVERY))
        while time.perf_counter() < until:
            began = time.perf_counter()
            answer = await connection.ask("GET", paths[number % len(paths)])
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status == 200, answer
            await asyncio.sleep(max(0.0, EVERY - (time.perf_counter() - began)))

    await asyncio.gather(*(client(number) for number in range(count)))
    print(json.dumps(sorted(took)))


if __name__ == "__main__":
    act, port, *rest = sys.argv[1:]
    if act == "order":
        form, kind, count, at_once = rest
        asyncio.run(order(int(port), Path(form).read_bytes(), kind, int(count), int(at_once)))
    else:
        clients, seconds, *paths = rest
        asyncio.run(poll(int(port), int(clients), float(seconds), paths))
