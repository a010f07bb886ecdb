"""A job while it runs: its session, its attempts, its datums."""
