"""Vectors of sentences and documents, and search among them."""
