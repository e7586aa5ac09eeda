"""One app, one port."""
