"""The paper's schedule for classification: SGD with momentum 0.9, 1e-2, poly with power 0.9 per epoch, 100 epochs.

As in the published code, epoch e (from 0) of E runs at 1e-4 + (1e-2 - 1e-4) (1 - e / E)^0.9. PolyLR of MMEngine is
lowest in the epoch before ``end``, hence E + 1 there. The paper gives no weight decay; 1e-4 is ours.
"""

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=101, by_epoch=True)]
train_cfg = dict(type='EpochLoop', max_epochs=100, val_interval=10)
val_cfg = dict()
test_cfg = dict()
