"""Words of the product: pure values, no input or output, standard library only."""
