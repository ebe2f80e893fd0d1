"""What the page and the API have in common. Nothing here depends on the page's layout."""
