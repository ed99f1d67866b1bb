"""Access control: what a client of the page may name and do."""
