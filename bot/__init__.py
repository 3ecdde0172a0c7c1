"""The application: what is sold, to whom, and what became of the money."""
