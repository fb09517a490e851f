"""`lc studio`: a page on this machine, on which rules are moved and verified answers are heard and seen."""
