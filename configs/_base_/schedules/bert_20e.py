"""The paper's schedule for BERT: Adam at a fixed rate of 1e-5, 20 epochs."""

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-5))
param_scheduler = []
train_cfg = dict(type='EpochLoop', max_epochs=20, val_interval=5)
val_cfg = dict()
test_cfg = dict()
