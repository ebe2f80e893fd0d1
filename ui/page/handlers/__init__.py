"""Handlers of the page's events, a module for each concern."""
