"""Services that the page and the API share. Nothing here depends on the page's layout."""
