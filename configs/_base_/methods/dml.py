"""DML: both models train and each learns from what the other predicts, at temperature 1."""

method = dict(type='MutualDistiller', losses=dict(kd=dict(type='LogitKDLoss', on='logits', tau=1.0)))
