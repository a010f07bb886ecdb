"""Jobs as rows: what makes them, in the transaction that moves a branch, and what ends them."""
