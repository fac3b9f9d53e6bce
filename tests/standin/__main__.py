"""Serve the stand-in until the process is ended."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from tests.standin.platforms import StandIn
from tests.standin.sockets import Abortable


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=0.0, help="that a job takes")
    parser.add_argument("--latency", type=float, default=0.0, help="most seconds of a request")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    standin = StandIn(
        chosen.folder, f"http://127.0.0.1:{chosen.port}", chosen.seconds, chosen.latency
    )
    config = uvicorn.Config(
        standin, port=chosen.port, http=Abortable, lifespan="off", log_level="warning"
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
