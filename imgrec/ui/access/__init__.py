"""What a client of the page may name and do, and what refuses the rest."""
