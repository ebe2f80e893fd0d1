"""The command line: `python -m codec`."""
