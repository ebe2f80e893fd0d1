"""Whole folders, in processes or on a Ray cluster."""
