"""What is measured: each scenario is a function from a bench to a section of the report."""
