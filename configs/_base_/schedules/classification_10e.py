"""The schedule for classification in 10 epochs, for small data sets on a CPU."""

_base_ = './classification_100e.py'
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=11, by_epoch=True)]
train_cfg = dict(max_epochs=10, val_interval=5)
