"""One job's life: datums, environment, attempts, finalize. Knows no HTTP."""
