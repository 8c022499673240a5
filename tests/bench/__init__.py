"""`make bench`: how fast Reverie is, measured against floors taken in the same run."""
