"""What is measured: one file for each question, each a function from a bench to a section of the report."""
