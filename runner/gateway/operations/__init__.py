"""One S3 operation a file, named as the API names it."""
