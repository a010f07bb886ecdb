"""The versioned store. Knows no HTTP, no processes."""
