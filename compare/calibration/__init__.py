"""Measures the harness itself: compares a variant with itself, and with itself slowed down."""
