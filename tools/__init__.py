"""What makes this repository's own figures and pages."""
