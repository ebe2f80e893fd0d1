"""The web page and the API: view and edit the three layers of an image in the browser, and decode them."""
