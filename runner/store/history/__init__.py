"""History: the names of a store, and the commits that they stand for."""
