"""What a gateway gets: buckets over commits, over a job's output, over branches."""
