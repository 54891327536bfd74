"""Feat: the mean squared error of the last pre-ReLU features."""

method = dict(losses=dict(feat=dict(type='FeatureMSELoss', on='feat')))
