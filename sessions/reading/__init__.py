"""Pure: a thread's events, in order, become what its transcript page shows."""
