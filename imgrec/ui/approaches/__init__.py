"""The tabs Compare, From scratch, Pre-trained and Transfer."""
