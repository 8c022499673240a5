"""One command, shut in: bubblewrap, no network, no secrets, hard limits.

`runner` is what the rest of the house calls. A small program of its own, `keeper`, makes the
namespaces: it is one thread without secrets, so it can fork in a millisecond and has nothing to
leak. `trees` lays out the files a command finds, `jail` says what it may do, `probe` whether this
machine allows any of it. What a command did to its files comes back as a list of texts; nothing of
it has touched our disk, and no path it made is ever opened outside its namespaces.
"""
