"""Defines the messages between the parent and a worker, and the channel that carries them."""
