"""A provider that costs next to nothing: ``python -m bench.vendor VIDEO PORT``.

Gooey.AI's wire format over bare sockets. Jobs go on until ``POST /finish``, and end at once from
then on; ``GET /count`` tells how many orders there were.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench.wire import read_message


class Vendor:
    """What was ordered, and whether it is finished."""

    def __init__(self, base_url: str, video: bytes) -> None:
        self._base_url = base_url
        self._video = video
        self._orders = 0
        self._over = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it is closed."""
        while message := await read_message(reader):
            _, path, _ = message.first_line.split(" ")
            status, kind, body = self._answer(path.partition("?")[0])
            head = f"HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
            writer.write(f"{head}\r\n\r\n".encode() + body)
        writer.close()

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        answers: dict[str, Callable[[], dict[str, object]]] = {
            "/v3/Lipsync/async/form/": self._take,
            "/v3/Lipsync/status/": self._tell,
            "/count": lambda: {"orders": self._orders},
            "/finish": self._end,
            "/health": dict,
        }
        if path == "/video.mp4":
            return 200, "video/mp4", self._video
        return 200, "application/json", json.dumps(answers[path]()).encode()

    def _take(self) -> dict[str, object]:
        self._orders += 1
        run = f"run-{self._orders}"
        status = f"{self._base_url}/v3/Lipsync/status/?run_id={run}"
        return {"run_id": run, "status_url": status}

    def _tell(self) -> dict[str, object]:
        if not self._over:
            return {"run_id": "run", "status": "running", "detail": "Running …"}
        output = {"output_video": f"{self._base_url}/video.mp4"}
        return {"run_id": "run", "status": "completed", "output": output}

    def _end(self) -> dict[str, object]:
        self._over = True
        return {}


async def main(port: int, video: bytes) -> None:
    """Serve until the process is ended."""
    vendor = Vendor(f"http://127.0.0.1:{port}", video)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[2]), Path(sys.argv[1]).read_bytes()))
