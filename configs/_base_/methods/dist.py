"""DIST: correlation of the predictions over classes and over samples."""

method = dict(losses=dict(dist=dict(type='DISTLoss', on='logits')))
