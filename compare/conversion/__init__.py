"""Trained weights from one framework's file to the other's, checked by the test images' logits."""
