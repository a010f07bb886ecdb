"""Layers: what keys hold, one layer above another, and what is written into the topmost."""
