"""Edits of layers, which need neither the source picture nor a decoder."""
