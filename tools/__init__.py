"""Makes this repository's own figures and pages."""
