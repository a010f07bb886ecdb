"""What people do with pipelines and their jobs: register, tick, stop, remove."""
