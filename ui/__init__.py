"""The page: see and edit the three layers of a picture in the browser, and decode them."""
