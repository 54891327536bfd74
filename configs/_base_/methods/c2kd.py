"""C2KD: the teacher trains on, and proxies of both models carry knowledge over in both directions."""

method = dict(type='C2KD')
