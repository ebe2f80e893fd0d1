"""Many people on the page at once: `python -m tests.load`."""
