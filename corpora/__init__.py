"""Two small corpora that this project writes itself, and what makes them."""
