"""What networks of other libraries have in common as models, on a network of a few layers."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from fdkd.datasets.class_sample import ClassSample
from fdkd.distill.taps import TapReader
from fdkd.errors import ConfigError, DataError
from fdkd.models.foreign import ForeignModel, Outputs, is_foreign


class Own(ForeignModel):
    """A convolution and a classifier of positions, or of their mean."""

    def __init__(self, dense=True, classes=5, pretrained=False):
        network = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, classes or 1, 1))
        super().__init__(network, 'own', classes, pretrained, [4], 4)
        self.dense, self.loaded = dense, 0

    def run(self, x):
        if x.shape[-1] % 2:
            raise ValueError('odd sizes')
        stage = self.network[0](x)
        logits = self.network[1](stage)
        logits = logits if self.dense else logits.mean((2, 3))
        return Outputs(logits if self.num_classes else None, stage if self.dense else stage.mean((2, 3)), [stage])

    def load_pretrained(self):
        self.loaded += 1


def maps(*labels, size=(8, 8)):
    return [
        SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, *size), label)), metainfo={'ori_shape': size})
        for label in labels
    ]


def test_named_taps_and_those_of_the_network():
    model, x = Own(), torch.randn(2, 3, 8, 8)
    taps = {**model.named_features, 'inside': '0', 'whole': 'network.0', 'before': '1:input'}
    result, read = TapReader(model, taps).run(model, x)
    assert result is not None
    assert read['logits'].shape == (2, 5, 4, 4)
    assert all(read[name].equal(read['map']) for name in ('feat', 'inside', 'whole', 'before'))
    assert read['stages'][0].equal(read['map'])
    assert [model.tap_widths[path] for path in ('feat', 'states.0', 'logits')] == [4, 4, 5]


def test_a_path_that_is_nowhere_is_an_error():
    with pytest.raises(ConfigError, match="has no tap 'layer9'"):
        TapReader(Own(), {'x': 'layer9'})


def test_one_channel_is_shown_to_all_three():
    model, x = Own(), torch.randn(2, 1, 8, 8)
    assert model(x).equal(model(x.repeat(1, 3, 1, 1)))


def test_frames_pass_one_by_one_and_are_averaged():
    model, x = Own(dense=False), torch.randn(2, 3, 3, 8, 8)
    torch.testing.assert_close(model(x), torch.stack([model(sample).mean(0) for sample in x]))


def test_the_loss_of_pixels_is_their_mean_at_the_size_of_the_label_map():
    model, x = Own(), torch.randn(2, 3, 8, 8)
    samples = maps(1, 2)
    samples[1].gt_sem_seg.data[:, :, 4:] = 255
    logits = nn.functional.interpolate(model(x), size=(8, 8), mode='bilinear', align_corners=False)
    chosen = torch.cat([-logits[0].log_softmax(0)[1].flatten(), -logits[1].log_softmax(0)[2][:, :4].flatten()])
    loss = model(x, samples, mode='loss')['loss_ce']
    torch.testing.assert_close(loss, chosen.mean())
    assert model(x, maps(255, 255), mode='loss')['loss_ce'] == 0


def test_the_loss_of_samples_leaves_out_what_has_no_label():
    model, x = Own(dense=False), torch.randn(2, 3, 8, 8)
    samples = [ClassSample(gt_label=torch.tensor(label)) for label in (3, -1)]
    torch.testing.assert_close(model(x, samples, mode='loss')['loss_ce'], -model(x).log_softmax(1)[0, 3])


def test_predictions_have_the_size_of_the_image():
    model, x = Own(), torch.randn(1, 3, 8, 8)
    [sample] = model(x, maps(0, size=(6, 10)), mode='predict')
    assert sample.seg_logits.data.shape == (5, 6, 10)
    assert sample.pred_sem_seg.data.equal(sample.seg_logits.data.argmax(0, keepdim=True))
    [sample] = Own(dense=False)(x, [ClassSample()], mode='predict')
    assert sample.pred_label == sample.pred_scores.argmax()


def test_without_a_classifier_there_are_features_alone():
    model, x = Own(classes=None), torch.randn(1, 3, 8, 8)
    assert set(model.named_features) == {'feat', 'map', 'stages'}
    assert model(x).shape == (1, 4, 4, 4)
    for mode in ('loss', 'predict'):
        with pytest.raises(ConfigError, match='own has no classifier: it can teach by its features'):
            model(x, maps(0), mode=mode)
    with pytest.raises(ValueError, match="mode 'train'"):
        Own()(x, mode='train')


def test_what_the_library_refuses_is_told_with_the_shape():
    with pytest.raises(DataError, match=r'own does not take a batch of the shape \(1, 3, 8, 9\): odd sizes'):
        Own()(torch.randn(1, 3, 8, 9))


def test_pretrained_weights_are_loaded_once():
    model = Own(pretrained=True)
    model.init_weights()
    model.init_weights()
    assert model.loaded == 1
    plain = Own()
    plain.init_weights()
    assert plain.loaded == 0


def test_which_configs_are_of_other_libraries():
    assert is_foreign({'type': 'TorchvisionModel'})
    assert not is_foreign({'type': 'Classifier'})
    assert not is_foreign({'type': 'NoSuchModel'})
    assert not is_foreign(None)
