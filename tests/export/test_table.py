"""The printed table: ratios, and what an eight-bit model loses."""

from pathlib import Path

from fdkd.export.table import Report, Row

META = {'task': 'classification', 'modality': 'imu', 'how_to_load': 'logits = 1\n'}


def test_latencies_are_relative_to_the_trained_model_and_losses_are_said():
    rows = (
        Row('eager', 20.0, 44.8, 0.0, 1.0, {'accuracy': 90.0, 'macro_f1': 88.0}),
        Row('onnx', 5.0, 44.7, 2e-6, 1.0, {'accuracy': 90.0, 'macro_f1': 88.0}),
        Row('onnx int8', 2.0, 11.2, 0.7, 0.934, {'accuracy': 86.5, 'macro_f1': 85.5}),
    )
    text = str(Report(Path('a/exported.onnx'), META, rows, 'compared on 200 samples'))
    eager, onnx, int8 = (line for line in text.splitlines() if line.startswith(('| eager', '| onnx')))
    assert [cell.strip() for cell in eager.split('|')][2:8] == ['20.0', '1.00', '44.8', '', '', '90.00']
    assert [cell.strip() for cell in onnx.split('|')][3:7] == ['0.25', '44.7', '2.0e-06', '100.00']
    assert [cell.strip() for cell in int8.split('|')][3:8] == ['0.10', '11.2', '7.0e-01', '93.40', '86.50']
    assert [line for line in text.splitlines() if 'loses' in line] == ['note: onnx int8 loses 3.5 points of accuracy']
    [said] = [line for line in text.splitlines() if 'otherwise' in line]
    assert said == 'note: onnx int8 decides otherwise than the trained model on 6.6 % of what was compared'
    assert text.endswith('without fdkd:\n\nlogits = 1\n')


def test_generated_samples_have_no_figures():
    rows = (Row('eager', 1.0, 1.0, 0.0, 1.0, {}), Row('weights', 1.0, 1.0, 0.0, 1.0, {}))
    lines = str(Report(Path('a.pth'), META, rows, '')).splitlines()
    assert lines[1].rstrip(' |').endswith('same class (%)')
    assert not [line for line in lines if line.startswith('note')]
    int8 = Row('onnx int8', 1.0, 1.0, 0.5, 0.94, {})
    assert 'note: onnx int8 decides otherwise' in str(Report(Path('a.onnx'), META, (*rows, int8), ''))
