"""Encode and decode whole folders, in processes or on a Ray cluster."""
