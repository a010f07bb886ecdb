"""Where gateway and job meet: builds the world that a job runs in, and hands it down."""
