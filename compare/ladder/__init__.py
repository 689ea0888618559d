"""Proves that both sides compute the same: rungs from names and shapes up to many Adam steps."""
