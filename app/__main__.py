"""`python -m app serve` starts the service, `python -m app demo` shows it at work."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run one command; the exit code is 2 for a setting that cannot work."""
    args = _parser().parse_args()
    if args.command == "serve":
        from app.serving import serve

        return serve(args.host, args.port)
    if args.command == "webhook-secret":
        from app.serving import print_webhook_secret

        return print_webhook_secret()
    from app.demo import Wish, demo

    return demo(Wish(args.image, args.audio, args.text, args.voice), args.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start the service")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    commands.add_parser("webhook-secret", help="print what signs the webhooks")
    demo = commands.add_parser("demo", help="make one talking video through a service of its own")
    demo.add_argument("--image", type=Path, help="a photo or video; a sample photo by default")
    words = demo.add_mutually_exclusive_group()
    words.add_argument("--audio", type=Path, help="speech")
    words.add_argument("--text", help="what to say; a sample sentence by default")
    demo.add_argument("--voice", help="whose voice says it, such as Hannah")
    demo.add_argument("--out", type=Path, default=Path("talking.mp4"))
    return parser


# Worker processes import this module too, and must not begin to serve.
if __name__ == "__main__":
    sys.exit(main())
