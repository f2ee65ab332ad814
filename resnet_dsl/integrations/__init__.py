"""Networks as models of other libraries: a module for each, which imports its library."""
