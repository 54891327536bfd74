"""Batch norms for the small networks of losses and algorithms, which meet batches in which a single sample is left."""

from torch import Tensor, nn
from torch.nn.functional import batch_norm


class _OfLoneRowsToo(nn.modules.batchnorm._BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.numel() == x.shape[1]:
            return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class BatchNorm1d(_OfLoneRowsToo, nn.BatchNorm1d):
    """Batch normalisation ``[N, C]`` that takes a lone row, which has no deviation, by its running averages.

    Where samples may lack the teacher's modality, a batch can be left with one of them, and torch's refuses it.
    """


class BatchNorm2d(_OfLoneRowsToo, nn.BatchNorm2d):
    """The same for maps ``[N, C, H, W]``: a lone 1x1 map passes by the running averages."""
