"""A classifier against plain torchvision, its loss by hand, and what distillation reads of it."""

from math import log

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from fdkd.datasets.class_sample import ClassSample
from fdkd.distill.taps import TapReader
from fdkd.errors import ConfigError
from fdkd.models import Classifier
from fdkd.models.classifier import GlobalPool
from fdkd.registry import MODELS


class Plain(nn.Module):
    """A backbone without weights: it returns its input."""

    channels, stages = 3, ()

    def __init__(self):
        super().__init__()
        self.activation = nn.ReLU()

    def forward(self, x):
        return x


class FixedRows(nn.Module):
    """A head that gives the same logits whatever comes."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x):
        return self.logits


def samples(*labels):
    return [ClassSample(gt_label=torch.tensor(label)) for label in labels]


def with_logits(logits):
    model = Classifier(Plain(), num_classes=len(logits[0]))
    model.head = FixedRows(logits)
    return model


@pytest.fixture(scope='module')
def pair():
    """torchvision's ResNet-18 with statistics of its own, and a classifier that holds the same weights."""
    torch.manual_seed(0)
    plain = torchvision.models.resnet18(num_classes=5)
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
    model = MODELS.build(dict(type='Classifier', backbone=dict(type='ResNet18'), num_classes=5))
    weights = plain.state_dict()
    model.head.load_state_dict({name: weights.pop(f'fc.{name}') for name in ('weight', 'bias')})
    model.backbone.load_state_dict(weights)
    return plain.eval(), model.eval()


def test_logits_equal_torchvisions(pair):
    plain, model = pair
    images = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(model(images), plain(images))


def test_gradients_equal_torchvisions(pair):
    plain, model = pair
    images = torch.randn(2, 3, 40, 40, generator=torch.Generator().manual_seed(2))
    labels = torch.tensor([4, 1])
    expected = torch.autograd.grad(functional.cross_entropy(plain(images), labels), plain.layer4[1].conv2.weight)[0]
    loss = model(images, samples(4, 1), mode='loss')['loss_ce']
    torch.testing.assert_close(torch.autograd.grad(loss, model.backbone.layer4[1].conv2.weight)[0], expected)


def test_the_feature_is_the_input_of_the_last_relu_pooled(pair):
    plain, model = pair
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    last = []
    plain.layer4[1].relu.inplace = False
    with plain.layer4[1].relu.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0])):
        expected = plain(images)
    logits, taps = TapReader(model, model.named_features).run(model, images)
    torch.testing.assert_close(taps['feat'], last[-1].mean((2, 3)))
    assert (taps['feat'] < 0).any()
    torch.testing.assert_close(taps['logits'], expected)
    assert torch.equal(taps['logits'], logits)


def test_stages_are_the_inputs_of_each_stages_last_relu(pair):
    plain, model = pair
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    expected = []
    x = plain.maxpool(plain.relu(plain.bn1(plain.conv1(images))))
    for layer in (plain.layer1, plain.layer2, plain.layer3, plain.layer4):
        middle, block = layer[0](x), layer[1]
        before = middle + block.bn2(block.conv2(functional.relu(block.bn1(block.conv1(middle)))))
        expected.append(before)
        x = functional.relu(before)
    stages = TapReader(model, model.named_features).run(model, images)[1]['stages']
    for stage, map_ in zip(stages, expected, strict=True):
        torch.testing.assert_close(stage, map_)


def test_frames_are_pooled_over_time_and_a_clip_of_one_frame_is_an_image(pair):
    plain, model = pair
    clips = torch.randn(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    body = nn.Sequential(*list(plain.children())[:-1], nn.Flatten())
    expected = plain.fc(torch.stack([body(clip).mean(0) for clip in clips]))
    torch.testing.assert_close(model(clips), expected)
    torch.testing.assert_close(model(clips[:, :1]), plain(clips[:, 0]))
    features = TapReader(model, {'feat': 'feature'}).run(model, clips)[1]['feat']
    each = TapReader(model, {'feat': 'feature'}).run(model, clips.flatten(0, 1))[1]['feat']
    torch.testing.assert_close(features, each.view(2, 3, 512).mean(1))


def test_pooling_by_hand():
    x = torch.tensor([[[1.0, 3.0]], [[5.0, 7.0]], [[0.0, 2.0]], [[-2.0, 4.0]]])[:, None]  # [4, 1, 1, 2]
    assert GlobalPool()(x, 4).tolist() == [[2], [6], [1], [1]]
    assert GlobalPool()(x, 2).tolist() == [[4], [1]]
    assert GlobalPool()(x[:, :, 0, 0], 2).tolist() == [[3], [-1]]  # vectors of frames


def test_a_backbone_of_vectors():
    model = Classifier(Plain(), num_classes=2)
    x = torch.tensor([[-1.0, 2.0, 0.5]])
    expected = torch.tensor([[0.0, 2.0, 0.5]]) @ model.head.weight.T
    logits, taps = TapReader(model, model.named_features).run(model, x)
    torch.testing.assert_close(logits, expected)
    assert taps['feat'].tolist() == x.tolist()
    assert set(taps) == {'feat', 'logits'}


@pytest.mark.parametrize('name', ['channels', 'activation', 'stages'])
def test_a_backbone_that_does_not_say_what_is_needed_is_refused(name):
    backbone = nn.Identity()
    for key, value in dict(channels=3, activation=nn.ReLU(), stages=()).items():
        if key != name:
            setattr(backbone, key, value)
    with pytest.raises(ConfigError, match=f'Identity has no {name}, which a Classifier needs of its backbone'):
        Classifier(backbone, num_classes=2)


def test_a_backbone_of_other_channels_than_it_says_is_refused():
    with pytest.raises(ConfigError, match=r'Plain returns \(2, 4\), expected \[N, 3, ...\] since its channels say so'):
        Classifier(Plain(), num_classes=2)(torch.ones(2, 4))


def test_dropout_drops_what_the_head_sees_in_training_alone():
    model = Classifier(Plain(), num_classes=2, dropout=0.5)
    with model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
        seen = []
        torch.manual_seed(0)
        model(torch.ones(200, 3))
        model.eval()(torch.ones(200, 3))
    assert set(seen[0].unique().tolist()) == {0.0, 2.0}
    assert seen[1].unique().tolist() == [1.0]


def test_loss_by_hand():
    # softmax of (0, ln 3) is (1/4, 3/4), of (ln 4, 0) is (4/5, 1/5)
    loss = with_logits([[0.0, log(3)], [log(4), 0.0]])(torch.ones(2, 3), samples(1, 1), mode='loss')
    assert set(loss) == {'loss_ce'}
    assert loss['loss_ce'].item() == pytest.approx((-log(3 / 4) - log(1 / 5)) / 2)


def test_unlabelled_samples_do_not_count():
    logits = [[0.3, -1.0, 2.0], [9.0, 1.0, -4.0], [0.5, 0.1, 0.0]]
    mixed = with_logits(logits)(torch.ones(3, 3), samples(2, -1, 0), mode='loss')['loss_ce']
    expected = functional.cross_entropy(torch.tensor(logits)[[0, 2]], torch.tensor([2, 0]))
    torch.testing.assert_close(mixed.detach(), expected)


def test_without_any_label_the_loss_is_zero_and_stays_in_the_graph():
    model = with_logits([[0.3, -1.0], [9.0, 1.0]])
    loss = model(torch.ones(2, 3), samples(-1, -1), mode='loss')['loss_ce']
    loss.backward()
    assert loss.item() == 0
    assert model.head.logits.grad.tolist() == [[0, 0], [0, 0]]


def test_half_precision_logits_give_a_float32_loss_and_scores():
    model = with_logits([[0.0, 20.0]]).half()
    x = torch.ones(1, 3, dtype=torch.float16)
    # -ln softmax = ln(1 + e^-20), below what half precision tells from 0
    loss = model(x, samples(1), mode='loss')['loss_ce']
    assert loss.dtype == torch.float32
    assert model(x, samples(0), mode='loss')['loss_ce'].item() == pytest.approx(20, abs=1e-4)
    assert model(x, samples(1), mode='predict')[0].pred_scores.dtype == torch.float32


def test_predictions_stand_in_the_samples():
    predicted = with_logits([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])(torch.ones(2, 3), samples(0, -1), mode='predict')
    assert [sample.pred_label.item() for sample in predicted] == [1, 0]
    assert [sample.gt_label.item() for sample in predicted] == [0, -1]
    e = torch.e
    assert predicted[0].pred_scores.tolist() == pytest.approx([1 / (2 + e), e / (2 + e), 1 / (2 + e)])
    assert predicted[1].pred_scores.tolist() == pytest.approx([e**2 / (2 + e**2), 1 / (2 + e**2), 1 / (2 + e**2)])


def test_a_sample_without_its_row_is_refused():
    with pytest.raises(ValueError, match='zip'):
        with_logits([[0.0, 1.0]])(torch.ones(1, 3), samples(0, 1), mode='predict')


def test_an_unknown_mode_is_named():
    with pytest.raises(ValueError, match="mode 'losses': expected 'tensor', 'loss' or 'predict'"):
        Classifier(Plain(), num_classes=2)(torch.ones(1, 3), mode='losses')


def test_the_head_starts_xavier_normal():
    torch.manual_seed(0)
    backbone = Plain()
    backbone.channels = 600
    head = Classifier(backbone, num_classes=200).head
    assert head.weight.std().item() == pytest.approx((2 / 800) ** 0.5, rel=0.02)
    assert head.weight.abs().max() > 3 * head.weight.std()  # a normal distribution reaches further than a uniform one
    assert not head.bias.any()


def test_init_weights_reaches_the_backbone_and_keeps_the_head(pair, tmp_path):
    plain, _ = pair
    torch.save(plain.state_dict(), tmp_path / 'trunk.pth')
    init = dict(type='ImageNetInit', arch='resnet18', checkpoint=str(tmp_path / 'trunk.pth'))
    model = Classifier(dict(type='ResNet18', in_channels=1, init_cfg=init), num_classes=5)
    head = model.head.weight.clone()
    algorithm = MODELS.build(dict(type='SingleModality', modality='audio', model=model))
    algorithm.init_weights()
    assert torch.equal(model.backbone.layer4[1].bn2.running_mean, plain.layer4[1].bn2.running_mean)
    torch.testing.assert_close(model.backbone.conv1.weight[:, 0], plain.conv1.weight.mean(1))
    assert torch.equal(model.head.weight, head)


def test_what_others_ask_of_a_classifier():
    model = Classifier(dict(type='ResNet18'), num_classes=7)
    assert (model.num_classes, model.feature_channels) == (7, 512)
    assert model.named_features['feat'] == 'feature'
    assert model.named_features['logits'] == 'head'
    assert model.named_features['stages'][0] == 'backbone.layer1.1.relu:input'
