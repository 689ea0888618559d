"""One run, in the parent: who trains when, what is kept, and what is compared."""
