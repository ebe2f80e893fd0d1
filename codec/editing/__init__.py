"""Edits of layers. They need neither the source picture nor a decoder."""
