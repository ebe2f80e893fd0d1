"""Starts the page: python app.py [--host ADDRESS] [--port NUMBER]."""

from __future__ import annotations

import argparse

from ui.serve import serve


def main() -> None:
    """Arguments -> page -> serve."""
    parser = argparse.ArgumentParser(description="Trilayer in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port)


if __name__ == "__main__":
    main()
