"""DKD: the divergence of the predictions in two parts, of the right class and among the others."""

method = dict(losses=dict(dkd=dict(type='DKDLoss', on='logits')))
