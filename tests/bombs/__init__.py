"""Small picture files that would cost much: `python -m tests.bombs` measures what our loader makes of them."""
