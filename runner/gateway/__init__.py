"""The S3 dialect over one view of the store. Knows no jobs, no catalog."""
