"""Pachyderm pipeline specs into model words. Knows no store."""
