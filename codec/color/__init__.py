"""Color spaces and color differences."""
