"""Steps from one stored form to the next."""
