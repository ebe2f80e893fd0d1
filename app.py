"""Starts the page: python app.py [--host ADDRESS] [--port NUMBER] [--auth NAME:PASSWORD | --public]."""

from __future__ import annotations

import argparse

from ui.server.serve import Door, serve
from ui.services.logs import LEVELS

MORE = "TRILAYER_RATE: requests a second that one client may make (default: 100; 0: no limit)."


def main() -> None:
    """Arguments -> page -> serve."""
    parser = argparse.ArgumentParser(description="Trilayer in the browser.", epilog=MORE)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--auth", metavar="NAME:PASSWORD",
        help="login; others on this machine see it in the list of processes, but not the variable TRILAYER_LOGIN",
    )  # fmt: skip
    who.add_argument("--public", action="store_true", help="let in whoever reaches this machine, without a login")
    parser.add_argument(
        "--proxy", metavar="ADDRESSES", default="",
        help="proxies in front, with commas between: their X-Forwarded-For tells who asks (default: none)",
    )  # fmt: skip
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="debug may write what users wrote")
    given = parser.parse_args()
    serve(Door(given.host, given.port, given.auth, given.public, given.proxy), given.log_level)


if __name__ == "__main__":
    main()
