"""Tables and statements of the catalog."""
