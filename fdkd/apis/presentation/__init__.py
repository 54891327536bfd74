"""How the results of each task are shown.

Every module has ``table(results)``, the text that is printed, and ``draw(cfg, models, metrics, folder)``, which writes
the files beside ``results.json``; ``models`` and ``metrics`` are keyed by ``'student'`` and ``'teacher'``.
"""
