"""What the machine gives: settings, log, digests, processes. Knows no S3, no commits, no pipelines."""
