"""OFD on the pooled feature, where the student has no maps."""

method = dict(losses=dict(ofd=dict(type='OFDLoss', on='feat')))
