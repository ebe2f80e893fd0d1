"""The web page: its components, their layout, and what they do."""
