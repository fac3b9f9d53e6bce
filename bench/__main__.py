"""``python -m bench``: prints what the engine and the service take. Run it on an idle machine."""

from __future__ import annotations

from bench import engine, service

# Renders run in child processes, which import this module too.
if __name__ == "__main__":
    engine.main()
    service.main()
