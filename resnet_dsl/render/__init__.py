"""How is a record printed, typeset or written as JSON? No question is answered here."""
