"""Content: bytes in and out, what the catalog knows of them."""
