"""The architectures, their weights, and the compiled forward pass."""
