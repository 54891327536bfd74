"""PKD: correlation of the last pre-ReLU features, channel by channel."""

method = dict(losses=dict(pkd=dict(type='PKDLoss', on='feat')))
