"""Immutable bytes named by digest."""
