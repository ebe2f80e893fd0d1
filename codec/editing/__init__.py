"""Edits: functions from layers to layers."""
