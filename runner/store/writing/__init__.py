"""How branches get commits: by hand, by one change, or out of the writes of a burst."""
