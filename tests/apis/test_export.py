"""From a checkpoint to files of each format: the same logits, also in a process that has no fdkd."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import pytest
import torch
from mmengine.config import ConfigDict

import fdkd.apis.export as module
from fdkd.apis.cli import guarded
from fdkd.apis.config import load_config
from fdkd.apis.export import export
from fdkd.apis.options import RunOptions
from fdkd.apis.validate import dataset_classes
from fdkd.commands import export as command
from fdkd.errors import CheckpointError, ConfigError, DataError, ExportError
from fdkd.export import Exported, checking, load
from fdkd.export.reading import load_as
from fdkd.registry import MODELS
from tests.export.conftest import lived_in, segmentor_config
from tests.models.conftest import write_bert
from tests.support.motions import write_configs, write_motions
from tests.support.repository import REPOSITORY


@pytest.fixture(scope='module', autouse=True)
def hurried():
    """Latencies are none of these tests' business."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, 'REPEATS', 1)
    yield
    patch.undo()


def write_student(path, config, modality, classes):
    """A model as drawn, in the form of a student file."""
    torch.manual_seed(0)
    model = lived_in(MODELS.build(ConfigDict(config)))
    meta = {'modality': modality, 'classes': list(classes), 'epoch': 3, 'seed': 0}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return path


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('export')


@pytest.fixture(scope='module')
def motions(folder):
    """A pair's config and the checkpoint of its student, which sees images."""
    config = write_configs(folder, write_motions(folder / 'motions', train=6, test=5), method='feat')
    node = load_config(config, RunOptions()).model.student.model
    return config, write_student(folder / 'student.pth', node, 'image', ('sit', 'walk', 'run'))


@pytest.fixture(scope='module')
def rooms(folder, nyu_root):
    """A config of segmentation from depth, and a checkpoint."""
    head = segmentor_config()
    for name in ('decode_head', 'auxiliary_head'):
        head[name] = {**head[name], 'num_classes': 40}
    config = folder / 'depth.py'
    config.write_text(
        f'_base_ = {str(REPOSITORY / "configs/unimodal/nyu_depth.py")!r}\n'
        f'run_options = dict(data_root={str(nyu_root)!r}, size=(32, 24), workers=0)\n'
        f'model = dict(model=dict(_delete_=True, **{head!r}))\n'
    )
    cfg = load_config(config, RunOptions())
    return config, write_student(folder / 'depth.pth', cfg.model.model, 'depth', dataset_classes(cfg))


@pytest.fixture(scope='module')
def texts(folder):
    """A config of classification of texts, without data, and a checkpoint."""
    bert, config = write_bert(folder / 'bert', num_hidden_layers=1), folder / 'text.py'
    config.write_text(
        f'_base_ = {str(REPOSITORY / "configs/unimodal/crisismmd_text.py")!r}\n'
        f'run_options = dict(data_root="gone", text_model={bert!r})\n'
        'test_dataloader = dict(dataset=dict(pipeline=[dict(type="Tokenize", modality="text", model="", '
        'max_length=16), dict(type="PackClassification")]))\n'
    )
    cfg = load_config(config, RunOptions())
    return config, write_student(folder / 'text.pth', cfg.model.model, 'text', dataset_classes(cfg))


@pytest.fixture(scope='module')
def reports(folder, motions, rooms, texts):
    """One export of each kind of student in some format, by name."""
    wanted = {
        'image_weights': (*motions, 'weights', 'image.pth', {}),
        'image_program': (*motions, 'torch-export', 'image.pt2', {}),
        'image_int8': (*motions, 'onnx', 'image_int8.onnx', {'int8': True}),
        'depth_weights': (*rooms, 'weights', 'depth_plain.pth', {}),
        'depth_onnx': (*rooms, 'onnx', 'depth.onnx', {}),
        'text_weights': (*texts, 'weights', 'text_plain.pth', {}),
        'text_program': (*texts, 'torch-export', 'text.pt2', {}),
    }
    return {
        name: export(config, checkpoint, kind, out=folder / file, **more)
        for name, (config, checkpoint, kind, file, more) in wanted.items()
    }


def read(report):
    return load(report.path, unsafe=report.path.suffix == '.pt2')  # made by this very test


def made_inputs(meta, seed=0):
    """Two samples of random values as the metadata describe them."""
    generator = np.random.default_rng(seed)
    lengths = {'N': 2, 'T': 3, 'H': 20, 'W': 28, 'L': 9}
    found = {}
    for entry in meta['inputs']:
        shape = [lengths.get(size, size) for size in entry['shape']]
        x = generator.integers(0, 256, shape) if entry['dtype'] == 'uint8' else generator.uniform(0, 8, shape)
        found[entry['name']] = x.astype(entry['dtype'])
    if 'attention_mask' in found:
        found['attention_mask'] = np.array([[1] * 9, [1] * 4 + [0] * 5])
    return found


def test_every_file_agrees_with_the_trained_model(reports):
    for name, report in reports.items():
        eager, first = report.rows[:2]
        assert eager.name == 'eager'
        assert first.difference < 1e-4, name
        assert first.share == 1, name
        assert first.size * 1e6 > 1000
    assert reports['image_weights'].samples == 'compared on 5 of 5 test samples'
    assert reports['text_weights'].samples == 'compared on 8 generated samples, since gone is not there'


def test_figures_are_those_of_the_test_set(reports):
    assert set(reports['depth_onnx'].rows[0].metrics) == {'mIoU', 'mAcc', 'aAcc'}
    for row in reports['depth_onnx'].rows:
        assert row.metrics == reports['depth_weights'].rows[0].metrics
    assert set(reports['image_int8'].rows[2].metrics) == {'accuracy', 'macro_f1'}
    assert reports['text_program'].rows[0].metrics == {}


def test_metadata_say_what_goes_in_and_comes_out_and_no_place_of_this_machine(reports, folder):
    image, depth, text = (read(reports[name]).meta for name in ('image_int8', 'depth_onnx', 'text_program'))
    assert (image['task'], image['modality'], image['classes']) == ('classification', 'image', ['sit', 'walk', 'run'])
    assert image['inputs'][0]['shape'] == ['N', 'T', 3, 16, 16]
    assert image['source'] == {'config': image['source']['config'], 'checkpoint': 'student.pth', 'epoch': 3, 'seed': 0}
    assert (depth['task'], len(depth['classes']), len(depth['palette'])) == ('segmentation', 40, 40)
    assert depth['inputs'][0]['shape'] == ['N', 1, 'H', 'W']
    assert depth['normalisation'] == {'mean': [2.844], 'std': [1.42], 'clip': [0.0, 10.0], 'hole': 0.0}
    assert [entry['name'] for entry in text['inputs']] == ['input_ids', 'attention_mask']
    for report in (reports['image_weights'], reports['depth_onnx']):
        assert str(folder) not in json.dumps(report.meta)


def test_onnx_files_stand_alone_and_name_their_axes(reports):
    model = onnx.load(reports['depth_onnx'].path, load_external_data=False)
    onnx.checker.check_model(model)
    assert {entry.domain: entry.version for entry in model.opset_import}[''] >= 17
    [taken], [given] = model.graph.input, model.graph.output
    assert (taken.name, given.name) == ('depth', 'logits')
    names = [[axis.dim_param or axis.dim_value for axis in x.type.tensor_type.shape.dim] for x in (taken, given)]
    assert names == [['N', 1, 'H', 'W'], ['N', 40, 'H', 'W']]


def test_eight_bits_quantise_all_but_the_last_layer(reports):
    _, whole, int8 = reports['image_int8'].rows
    assert (whole.name, int8.name) == ('onnx', 'onnx int8')
    assert int8.size < 0.3 * whole.size
    assert int8.difference > 0
    model = onnx.load(reports['image_int8'].path)
    made_by = {name: node for node in model.graph.node for name in node.output}
    [last] = [node for node in model.graph.node if node.op_type == 'Gemm']
    convolutions = [node for node in model.graph.node if node.op_type == 'Conv']
    assert len(convolutions) == 20
    assert all(made_by[node.input[1]].op_type == 'DequantizeLinear' for node in convolutions)
    assert last.input[1] not in made_by
    assert read(reports['image_int8']).meta['int8'] is True


def test_all_formats_of_a_student_give_the_same(reports):
    for first, second in (('image_weights', 'image_program'), ('depth_weights', 'depth_onnx')):
        a, b = read(reports[first]), read(reports[second])
        inputs = made_inputs(a.meta)
        np.testing.assert_allclose(a.run(inputs), b.run(inputs), atol=1e-4)
    assert read(reports['depth_onnx']).run(made_inputs(a.meta)).shape == (2, 40, 20, 28)


ALONE = """
import importlib.abc, json, sys
import numpy, torch

class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'fdkd':
            raise ImportError(name)

sys.meta_path.insert(0, Without())
for name, code in json.loads(sys.argv[1]).items():
    arrays = dict(numpy.load(f'{name}.npz'))
    inputs = arrays if 'onnxruntime' in code else {key: torch.from_numpy(x) for key, x in arrays.items()}
    known = {**inputs, 'x': next(iter(inputs.values()))}
    with torch.no_grad():
        exec(code, known)
    numpy.save(f'{name}.npy', numpy.asarray(known['logits']))
assert 'fdkd' not in sys.modules
"""


def test_the_lines_in_the_metadata_run_where_there_is_no_fdkd(reports, folder):
    lines, expected = {}, {}
    for name, report in reports.items():
        found = read(report)
        inputs = made_inputs(found.meta)
        np.savez(folder / f'{name}.npz', **inputs)
        lines[name], expected[name] = found.meta['how_to_load'], found.run(inputs)
        code = [line for line in lines[name].splitlines() if not line.startswith('#')]
        assert len(code) <= 11
    command = [sys.executable, '-W', 'ignore', '-c', ALONE, json.dumps(lines)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, logits in expected.items():
        np.testing.assert_allclose(np.load(folder / f'{name}.npy'), logits, atol=1e-5, err_msg=name)


def test_a_failed_check_leaves_what_was_there(motions, tmp_path, monkeypatch):
    monkeypatch.setattr(checking, 'TOLERANCE', 0.0)
    out = tmp_path / 'kept.pth'
    out.write_text('good')
    with pytest.raises(ExportError, match='differs from the trained one'):
        export(*motions, 'weights', out=out)
    assert [path.name for path in tmp_path.iterdir()] == ['kept.pth']
    assert out.read_text() == 'good'


def test_an_eight_bit_file_without_finite_logits_is_not_put_in_place(motions, tmp_path, monkeypatch):
    def broken(kind, path, unsafe):
        found = load_as(kind, path, unsafe)
        return found if path.name == 'whole' else Exported(found.meta, lambda x: found.run(x) * np.float32(np.nan))

    monkeypatch.setattr(module, 'quantise', lambda source, _, path: path.write_bytes(source.read_bytes()))
    monkeypatch.setattr(module, 'load_as', broken)
    with pytest.raises(ExportError, match='NaN or infinite logits; nothing was written'):
        export(*motions, 'onnx', int8=True, out=tmp_path / 'a.onnx')
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_are_refused_before_anything_runs(motions, tmp_path):
    _, checkpoint = motions
    nothing = tmp_path / 'no_config.py'
    for out, words in (
        (tmp_path / 'a.bin', r'have the suffix \.pth'),
        (tmp_path / 'absent' / 'a.pth', 'is no folder that is there and writable'),
        (checkpoint, 'that is the checkpoint'),
    ):
        with pytest.raises(ExportError, match=words):
            export(nothing, checkpoint, 'weights', out=out)
    with pytest.raises(ExportError, match=r'exported\.pt2: cannot be written'):
        export(nothing, checkpoint, 'torch-export', work_dir=tmp_path / 'absent')
    for kind, words in (('weights', 'integers fit no plain network'), ('torch-export', 'torchao')):
        with pytest.raises(ExportError, match=f'--int8 with the format {kind}: .*{words}.*use --format onnx'):
            export(nothing, checkpoint, kind, int8=True)


def test_checkpoints_of_other_configs_are_refused(motions, rooms, folder, tmp_path):
    with pytest.raises(CheckpointError, match="modality 'depth', expected 'image'"):
        export(motions[0], rooms[1], 'weights', out=tmp_path / 'a.pth')
    other = torch.load(motions[1], weights_only=True)
    other['meta']['classes'] = ['sit', 'run', 'walk']
    torch.save(other, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=r"other classes than .*first 'run' for 'walk'"):
        export(motions[0], tmp_path / 'other.pth', 'weights', out=tmp_path / 'a.pth')
    assert not (tmp_path / 'a.pth').exists()


def test_damaged_data_are_an_error_and_no_reason_to_generate(motions, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError):
        export(*motions, 'weights', RunOptions(data_root=str(tmp_path / 'empty')), out=tmp_path / 'a.pth')


def test_a_config_without_a_student_is_refused(motions):
    cfg = load_config(motions[0], RunOptions())
    del cfg.model['student']
    with pytest.raises(ConfigError, match='CrossModalDistiller has no student to export'):
        module._student_config(cfg)


def test_the_command_prints_the_table_and_where_the_file_is(motions, tmp_path, capsys):
    out = tmp_path / 'a.pth'
    arguments = [*map(str, motions), '--format', 'weights', '--out', str(out), '--check', '2']
    guarded(lambda: command.main(arguments))
    printed = capsys.readouterr().out
    assert 'compared on 2 of 5 test samples' in printed
    assert '| weights |' in printed
    assert "torch.load('a.pth', weights_only=True)" in printed
    assert zipfile.is_zipfile(out)
