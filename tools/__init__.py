"""Tools for those who work on the service; it never imports them."""
