"""The admin port of a daemon: is it alive, is it ready, what has it done."""
