"""Taps on small networks and on MMSegmentation's: which tensor is read, when, and that nothing is left behind."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from fdkd.distill.taps import TapReader, default_taps, replaced, resolve_taps
from fdkd.errors import ConfigError

ROOT = Path(__file__).parents[2]


class Block(nn.Module):
    """A residual block whose one in-place ReLU serves twice, as in MMSegmentation."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def before_last_relu(self, x):
        out = self.conv2(self.conv1(x).relu())
        out += x
        return out

    def forward(self, x):
        out = self.conv2(self.relu(self.conv1(x)))
        out += x
        return self.relu(out)


class Backbone(nn.Module):
    res_layers = ('layer1', 'layer2')

    def __init__(self):
        super().__init__()
        self.layer1, self.layer2 = nn.Sequential(Block(), Block()), nn.Sequential(Block(), Block())

    def forward(self, x):
        return self.layer2(self.layer1(x))


class Network(nn.Module):
    """A backbone and a head whose hooks never fire, since only its layer is called, as in MMSegmentation."""

    def __init__(self):
        super().__init__()
        self.backbone, self.decode_head, self.unused = Backbone(), nn.Module(), nn.Conv2d(2, 2, 1)
        self.decode_head.conv_seg = nn.Conv2d(2, 3, 1)
        self.fails = False

    def forward(self, x):
        x = self.backbone(x)
        if self.fails:
            raise RuntimeError('failed on the way')
        return self.decode_head.conv_seg(x)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


@pytest.fixture
def image():
    return torch.randn(2, 2, 5, 4, generator=torch.Generator().manual_seed(1))


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def count_calls(module):
    """How often ``module`` runs from now on."""
    calls = []
    module.register_forward_pre_hook(lambda *_: calls.append(1))
    return calls


def test_an_output_and_an_input_are_what_the_modules_pass_on(network, image):
    taps = {'out': 'backbone.layer1', 'in': 'backbone.layer2:input', 'first': 'backbone.layer1:input'}
    result, values = TapReader(network, taps).run(network, image)
    expected = network.backbone.layer1(image)
    assert values['out'].equal(expected)
    assert values['in'].equal(expected)
    assert values['first'].equal(image)
    assert result.equal(network(image))


def test_the_last_call_is_read_and_no_in_place_relu_overwrites_it(network, image):
    block = network.backbone.layer2[1]
    expected = block.before_last_relu(network.backbone.layer2[0](network.backbone.layer1(image)))
    assert (expected < 0).any()
    wanted = network(image)
    result, values = TapReader(network, {'feat': 'backbone.layer2.1.relu:input'}).run(network, image)
    assert values['feat'].equal(expected)
    assert result.equal(wanted)


def test_the_output_of_a_module_called_twice_is_the_last(image):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 1)

        def forward(self, x):
            return self.conv(self.conv(x))

    model = Twice()
    for stop_early in (False, True):
        reader = TapReader(model, {'x': 'conv', 'before': 'conv:input'}, stop_early)
        for _ in range(2):
            _, values = reader.run(model, image)
            assert values['before'].equal(model.conv(image))
            assert values['x'].equal(model(image))


def test_gradients_flow_through_a_tap(network, image):
    _, values = TapReader(network, {'feat': 'backbone.layer2.1.relu:input'}).run(network, image)
    values['feat'].sum().backward()
    assert network.backbone.layer1[0].conv1.weight.grad.abs().max() > 0
    assert network.decode_head.conv_seg.weight.grad is None


def test_a_list_of_paths_is_a_list_of_tensors_in_its_order(network, image):
    taps = {'stages': ['backbone.layer2', 'backbone.layer1'], 'feat': 'backbone.layer2'}
    _, values = TapReader(network, taps).run(network, image)
    first = network.backbone.layer1(image)
    assert values['stages'][0].equal(network.backbone.layer2(first))
    assert values['stages'][1].equal(first)
    assert len(values['stages']) == 2
    assert values['feat'] is values['stages'][0]


def test_an_input_passed_by_keyword_is_read(image):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 1)

        def forward(self, x):
            return self.conv(input=2 * x)

    model = Named()
    assert TapReader(model, {'x': 'conv:input'}).run(model, image)[1]['x'].equal(2 * image)


class TestStopEarly:
    def test_the_second_pass_ends_at_the_last_tap_with_the_same_tensors(self, network, image):
        taps = {'stages': ['backbone.layer1.1.relu:input', 'backbone.layer2.1.relu:input'], 'mid': 'backbone.layer1'}
        reader = TapReader(network, taps, stop_early=True)
        calls = count_calls(network.decode_head.conv_seg)
        result, first = reader.run(network, image)
        assert result.equal(network(image))
        del calls[:]
        for _ in range(2):
            result, again = reader.run(network, image)
            assert result is None
            assert not calls
            assert again['mid'].equal(first['mid'])
            assert all(x.equal(y) for x, y in zip(again['stages'], first['stages'], strict=True))

    def test_without_it_every_pass_runs_to_its_end(self, network, image):
        reader = TapReader(network, {'x': 'backbone.layer1'})
        calls = count_calls(network.decode_head.conv_seg)
        assert [reader.run(network, image)[0].shape for _ in range(3)] == [(2, 3, 5, 4)] * 3
        assert len(calls) == 3

    def test_a_pass_sees_its_own_input(self, network, image):
        reader = TapReader(network, {'x': 'backbone.layer1'}, stop_early=True)
        reader.run(network, image)
        assert reader.run(network, -image)[1]['x'].equal(network.backbone.layer1(-image))

    def test_a_failed_first_pass_teaches_nothing(self, network, image):
        reader = TapReader(network, {'x': 'backbone.layer2.1.relu:input'}, stop_early=True)
        network.fails = True
        with pytest.raises(RuntimeError, match='on the way'):
            reader.run(network, image)
        network.fails = False
        assert reader.run(network, image)[0].equal(network(image))
        assert reader.run(network, image)[0] is None


class TestNothingIsLeftBehind:
    @pytest.mark.parametrize('stop_early', [False, True])
    def test_hooks_are_removed(self, network, image, stop_early):
        reader = TapReader(network, {'x': 'backbone.layer1', 'y': 'backbone.layer1:input'}, stop_early)
        assert hooks(network) == 0
        for _ in range(2):
            reader.run(lambda x: network(x) if hooks(network) == 2 else None, image)
            assert hooks(network) == 0

    def test_hooks_and_tensors_go_when_the_forward_pass_fails(self, network, image):
        reader = TapReader(network, {'x': 'backbone.layer1'})
        network.fails = True
        with pytest.raises(RuntimeError, match='on the way'):
            reader.run(network, image)
        assert hooks(network) == 0
        copy.deepcopy(reader)  # PyTorch refuses to copy a tensor that belongs to a graph

    def test_the_reader_keeps_no_tensors(self, network, image):
        reader = TapReader(network, {'x': 'backbone.layer1'})
        reader.run(network, image)
        copy.deepcopy(reader)


class TestReplaced:
    def test_an_output_is_replaced(self, network, image):
        plain = network(image)
        with replaced(network, 'backbone.layer1', lambda x: 2 * x):
            found = network(image)
        assert found.equal(network.decode_head.conv_seg(network.backbone.layer2(2 * network.backbone.layer1(image))))
        assert not found.equal(plain)
        assert network(image).equal(plain)

    def test_of_a_module_called_twice_only_the_call_that_the_tap_reads_is_replaced(self, network, image):
        path = 'backbone.layer2.1.relu:input'
        reader = TapReader(network, {'feat': path})
        _, values = reader.run(network, image)
        assert reader.calls_per_pass == {path: 2}
        seen = []

        def function(x):
            seen.append(x)
            return x.square() - 1

        with replaced(network, path, function, reader.calls_per_pass[path]):
            found = [network(image) for _ in range(2)]
        expected = network.decode_head.conv_seg((values['feat'].square() - 1).relu())
        assert all(x.equal(expected) for x in found)
        assert len(seen) == 2
        assert all(x.equal(values['feat']) for x in seen)

    def test_the_output_of_the_last_call_is_replaced(self, image):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(2, 2, 1)

            def forward(self, x):
                return self.conv(self.conv(x))

        model = Twice()
        expected = model(image) + 1
        with replaced(model, 'conv', lambda x: x + 1, calls=2):
            assert model(image).equal(expected)

    def test_without_a_number_every_call_is_replaced(self, image):
        block = Block()
        with replaced(block, 'relu:input', lambda x: -x):
            assert block(image).equal((-(block.conv2((-block.conv1(image)).relu()) + image)).relu())

    def test_an_in_place_activation_does_not_overwrite_what_was_returned(self, network, image):
        relu, returned = network.backbone.layer2[1].relu, []
        with replaced(network, 'backbone.layer2.1.relu:input', lambda x: returned.append(-x) or returned[-1], calls=2):
            network(image)
        assert (returned[0] < 0).any()
        assert relu.inplace

    def test_an_input_passed_by_keyword_is_replaced(self, image):
        class Named(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(2, 2, 1)

            def forward(self, x):
                return self.conv(input=x)

        model = Named()
        expected = model.conv(2 * image)
        with replaced(model, 'conv:input', lambda x: 2 * x):
            assert model(image).equal(expected)

    def test_gradients_pass_through_a_frozen_network_to_what_the_function_uses(self, network, image):
        network.requires_grad_(False)
        factor = torch.ones((), requires_grad=True)
        with replaced(network, 'backbone.layer2.1.relu:input', lambda x: factor * x, calls=2):
            network(image).sum().backward()
        feat = TapReader(network, {'x': 'backbone.layer2.1.relu:input'}).run(network, image)[1]['x']
        expected = (network.decode_head.conv_seg.weight.sum(0) * feat.relu()).sum()
        torch.testing.assert_close(factor.grad, expected)

    @pytest.mark.parametrize('path', ['backbone.layer1', 'backbone.layer1.0.relu:input'])
    def test_nothing_is_left_behind_by_a_pass_that_fails(self, network, image, path):
        network.fails = True
        with pytest.raises(RuntimeError, match='on the way'), replaced(network, path, torch.neg):
            network(image)
        assert hooks(network) == 0
        assert network.backbone.layer1[0].relu.inplace

    def test_a_path_to_no_module_lists_the_nearest(self, network):
        with (
            pytest.raises(ConfigError, match=r"no tap 'backbone.layer3'.*backbone\.layer[12]"),
            replaced(network, 'backbone.layer3', torch.neg),
        ):
            pass


class TestErrors:
    def test_a_path_to_no_module_lists_the_nearest(self, network):
        with pytest.raises(ConfigError, match=r"Network has no tap 'backbone.layer3:input'.*backbone\.layer[12]"):
            TapReader(network, {'x': 'backbone.layer3:input'})

    def test_a_path_like_no_module_lists_the_first(self, network):
        with pytest.raises(ConfigError, match=r'the nearest modules are backbone, backbone\.layer1, '):
            TapReader(network, {'x': '@@@'})

    def test_an_attribute_that_is_no_module_is_no_tap(self, network):
        with pytest.raises(ConfigError, match=r"no tap 'backbone.res_layers'"):
            TapReader(network, {'x': 'backbone.res_layers'})

    @pytest.mark.parametrize('stop_early', [False, True])
    def test_a_tap_that_does_not_fire_is_named_with_what_is_near(self, network, image, stop_early):
        taps = {'x': 'backbone.layer1', 'silent': 'decode_head'}  # the module runs, its own hooks do not
        reader = TapReader(network, taps, stop_early)
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"'decode_head' did not fire: .*decode_head\.conv_seg"):
                reader.run(network, image)
            assert hooks(network) == 0

    def test_a_tap_on_something_else_than_a_tensor_is_named(self, image):
        class Pair(nn.Module):
            def forward(self, x):
                return x, x

        model = nn.Sequential(nn.Identity(), Pair())
        with pytest.raises(ConfigError, match="the tap '1' reads a tuple, expected a tensor"):
            TapReader(model, {'x': '1'}).run(model, image)
        assert hooks(model) == 0

    def test_a_stage_without_a_relu_asks_for_a_path(self, network):
        network.backbone.layer1 = nn.Conv2d(2, 2, 1)
        with pytest.raises(ConfigError, match=r'backbone\.layer1 has no ReLU .* path'):
            default_taps(network)


class TestResolveTaps:
    def test_defaults_read_before_the_last_relu_of_each_stage(self, network):
        assert default_taps(network) == {
            'stages': ['backbone.layer1.1.relu:input', 'backbone.layer2.1.relu:input'],
            'feat': 'backbone.layer2.1.relu:input',
            'map': 'backbone.layer2.1.relu:input',
            'logits': 'decode_head.conv_seg',
        }

    def test_the_config_goes_before_the_defaults_and_these_before_paths(self, network):
        named = {'feat': 'backbone.layer1', 'mine': 'backbone.layer1.0', 'absent': 'backbone'}
        assert resolve_taps(network, ['feat', 'mine', 'logits', 'backbone.layer2'], named) == {
            'feat': 'backbone.layer1',
            'mine': 'backbone.layer1.0',
            'logits': 'decode_head.conv_seg',
            'backbone.layer2': 'backbone.layer2',
        }

    def test_a_misspelt_name_is_told_the_nearest_with_all_that_there_are(self, network):
        with pytest.raises(ConfigError) as caught:
            resolve_taps(network, ['logits', 'faet'], {'mine': 'backbone.layer1'})
        assert str(caught.value).startswith(
            "Network has no tap 'faet': did you mean feat? (the taps by name are stages, feat, map, logits, mine; the "
            'nearest modules are '
        )

    def test_a_path_to_no_module_lists_modules_and_names(self, network):
        with pytest.raises(
            ConfigError, match=r'the nearest modules are backbone\.layer.*; the taps by name are stages, '
        ):
            resolve_taps(network, ['backbone.layer9'])
        assert resolve_taps(network, ['backbone.layer2:input']) == {'backbone.layer2:input': 'backbone.layer2:input'}

    def test_a_model_of_another_build_has_no_defaults(self):
        model = nn.Sequential(nn.Linear(2, 2))
        assert default_taps(model) == {}
        with pytest.raises(ConfigError, match="Sequential has no tap 'feat': the nearest modules are 0"):
            TapReader(model, resolve_taps(model, ['feat']))


class TestSegmentor:
    """The configured DeepLabV3+ of MMSegmentation."""

    @pytest.fixture(scope='class')
    def built(self):
        from mmengine.config import Config
        from mmengine.registry import init_default_scope

        from fdkd.engine.console import import_quietly
        from fdkd.registry import MODELS

        import_quietly('mmseg.datasets', 'mmseg.models')
        init_default_scope('fdkd')
        torch.manual_seed(0)
        config = Config.fromfile(ROOT / 'configs/_base_/models/deeplabv3plus_r18.py')
        return MODELS.build(config.segmentor['rgb']).eval()

    @pytest.fixture
    def model(self, built):
        return copy.deepcopy(built)  # with in-place activations again

    @pytest.fixture
    def image(self):
        return torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    @staticmethod
    def before_last_relus(backbone, x):
        """A forward pass through the last block of each stage by hand."""
        x = backbone.maxpool(backbone.norm1(backbone.conv1(x)).relu())
        expected = []
        for stage in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4):
            x = stage[0](x)
            block = stage[1]
            expected.append(block.norm2(block.conv2(block.norm1(block.conv1(x)).relu())) + x)
            x = expected[-1].relu()
        return expected

    @torch.no_grad()
    def test_the_default_taps_are_read_in_both_modes(self, model, image):
        from mmengine.structures import PixelData
        from mmseg.structures import SegDataSample

        expected = self.before_last_relus(model.backbone, image)
        assert (expected[-1] < 0).any()
        reader = TapReader(model, resolve_taps(model, ['feat', 'stages', 'logits']))
        logits, values = reader.run(model, image, mode='tensor')
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 32, 32, dtype=torch.long)))
        losses, training_values = reader.run(model, image, [sample], mode='loss')
        assert values['logits'].equal(logits)
        for found in (values, training_values):
            assert found['logits'].equal(logits)
            assert found['feat'].equal(expected[-1])
            assert len(found['stages']) == 4
            assert all(x.equal(y) for x, y in zip(found['stages'], expected, strict=True))
        plain = copy.deepcopy(model)
        wanted = plain(image, [sample], mode='loss')['decode.loss_ce']
        assert losses['decode.loss_ce'].equal(wanted)

    @torch.no_grad()
    def test_a_teacher_read_at_feat_does_not_run_its_head(self, model, image):
        reader = TapReader(model, resolve_taps(model, ['feat']), stop_early=True)
        calls = count_calls(model.decode_head.conv_seg)
        result, first = reader.run(model, image, mode='tensor')
        assert result.shape == (1, 40, 8, 8)
        assert len(calls) == 1
        result, again = reader.run(model, image, mode='tensor')
        assert result is None
        assert len(calls) == 1
        assert again['feat'].equal(first['feat'])
        assert again['feat'].equal(self.before_last_relus(model.backbone, image)[-1])
