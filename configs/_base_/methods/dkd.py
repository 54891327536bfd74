"""DKD: the divergence of the predictions in two parts, of the right class and among the others.

As in the published code for CIFAR-100, the loss rises over 20 epochs.
"""

method = dict(losses=dict(dkd=dict(type='DKDLoss', on='logits', warmup=20)))
