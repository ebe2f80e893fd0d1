"""Load test of the page: `python -m tests.load`."""
