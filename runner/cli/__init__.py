"""Command line to settings to ``trio.run`` to exit status."""
