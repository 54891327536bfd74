"""CWD: where in the picture each channel of the logits looks."""

method = dict(losses=dict(cwd=dict(type='CWDLoss', on='logits', weight=3.0)))
