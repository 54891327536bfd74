"""RKD: distances and angles between the samples of a batch."""

method = dict(losses=dict(rkd=dict(type='RKDLoss', on='feat')))
