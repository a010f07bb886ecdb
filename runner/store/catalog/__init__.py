"""The catalog: what the store knows beside bytes, in one database."""
