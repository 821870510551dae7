"""The description of all that is served, in OpenAPI 3.1 and as a page for people."""
