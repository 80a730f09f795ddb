"""Bytes in, tokens out."""
