"""OFD: pre-ReLU maps of every stage under margins from the batch norms of the teacher."""

method = dict(losses=dict(ofd=dict(type='OFDLoss', on='stages', alpha=1e-4, connector=dict(type='Resize'))))
