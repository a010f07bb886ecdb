"""One file for each format. Never changed once released; hand-written SQL only."""
