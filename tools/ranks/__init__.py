"""Measures data-parallel training with both frameworks' engines: proof, cost and killed ranks."""
