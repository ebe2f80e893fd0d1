"""What the page and the API do, without any layout."""
