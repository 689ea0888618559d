"""Defines mistakes that a port can have. The ladder must catch each of them."""
