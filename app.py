"""Serve the page: python app.py [FILE] [--host ADDRESS] [--port NUMBER] [--auth NAME:PASSWORD | --public]."""

from __future__ import annotations

import argparse

from ui.server.serve import ServerConfig, serve
from ui.services.logs import LEVELS

EPILOG = "Set TRILAYER_RATE to the requests per second that one client may make (default: 100; 0: no limit)."


def main() -> None:
    """Parse the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve Trilayer's page for a browser.", epilog=EPILOG)
    parser.add_argument(
        "file", nargs="?", metavar="FILE",
        help="a .tril file, or an entry of an archive as F.parquet#path; the link that is printed opens it",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    access = parser.add_mutually_exclusive_group()
    access.add_argument(
        "--auth", metavar="NAME:PASSWORD",
        help="require this login; other users of this machine can see it in the process list, unlike the variable "
        "TRILAYER_LOGIN",
    )  # fmt: skip
    access.add_argument("--public", action="store_true", help="allow everyone who can reach this machine")
    parser.add_argument(
        "--proxy", metavar="ADDRESSES", default="",
        help="comma-separated addresses of reverse proxies whose X-Forwarded-For is trusted (default: none)",
    )  # fmt: skip
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="debug may log what users wrote")
    arguments = parser.parse_args()
    config = ServerConfig(arguments.host, arguments.port, arguments.auth, arguments.public, arguments.proxy)
    serve(config, arguments.log_level, arguments.file)


if __name__ == "__main__":
    main()
