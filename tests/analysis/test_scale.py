"""Mean and spread against NumPy."""

import numpy as np
import pytest
import torch

from fdkd.analysis.scale import scale_of
from fdkd.errors import FdkdError


@pytest.mark.parametrize(
    ('shape', 'over'), [((20, 5), (0,)), ((20, 3, 5), (0, 1)), ((20, 5, 3, 4), (0, 2, 3))], ids=str
)
def test_statistics_of_each_feature_and_of_all(shape, over):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1e4
    scale, array = scale_of(x), x.double().numpy()
    assert scale.mean == pytest.approx(array.mean())
    assert scale.std == pytest.approx(array.std())
    assert scale.feature_means.shape == (5,)
    assert np.allclose(scale.feature_means, array.mean(over), rtol=1e-12)
    assert np.allclose(scale.feature_stds, array.std(over), rtol=1e-9)


@pytest.mark.parametrize('shape', [(3,), (0, 4), (1, 2, 3, 4, 5)])
def test_what_is_no_feature_is_refused(shape):
    with pytest.raises(FdkdError, match='expected'):
        scale_of(torch.zeros(shape))
