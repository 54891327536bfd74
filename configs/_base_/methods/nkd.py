"""NKD: the divergence of the predictions among the classes that are wrong."""

method = dict(losses=dict(nkd=dict(type='NKDLoss', on='logits')))
