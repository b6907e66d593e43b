"""One module a page: `page()` draws it."""
