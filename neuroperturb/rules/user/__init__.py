"""Rules of one's own: where they are found, what they may be, and what a record keeps of them."""
