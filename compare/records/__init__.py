"""Types of all records that are written and read back, and the code that writes and reads them."""
