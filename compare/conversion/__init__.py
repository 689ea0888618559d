"""Converts trained weights from one framework's file to the other's, and checks the test images' logits."""
