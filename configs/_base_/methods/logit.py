"""KD: the divergence of the softened predictions."""

method = dict(losses=dict(kd=dict(type='LogitKDLoss', on='logits')))
