"""Stands in for ``tools/train.py``: leaves behind what a training does, in no time, and writes down when it ran.

Its config is a JSON file: ``journal``, where it says ``start``, ``end`` and ``clash`` (two processes at one run);
``config_hash``; and how it behaves: ``seconds`` it takes, a file to ``wait_for``, how many runs must have started
before it goes on (``company``), whether it ``fails``, is ``stopped`` by a signal or ``forgets`` its results. It imports
nothing slow.
"""

import argparse
import fcntl
import json
import os
import sys
import time
from pathlib import Path

PATIENCE = 30


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('--work-dir', type=Path)
    args, _ = parser.parse_known_args()
    plan, folder = json.loads(Path(args.config).read_text()), args.work_dir

    def note(word):
        with open(plan['journal'], 'a') as file:
            file.write(f'{word} {folder.name} {os.getpid()}\n')

    with (folder / 'busy').open('w') as busy:
        try:
            fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note('clash')
            sys.exit('two processes at one run')
        note('start')
        call = {'arguments': sys.argv[1:], 'threads': os.environ.get('OMP_NUM_THREADS')}
        (folder / 'call.json').write_text(json.dumps(call))
        print('Epoch(train)  [1][1/2]', flush=True)
        (folder / 'epoch_1.pth').write_text('everything')
        (folder / 'last_checkpoint').write_text('epoch_1.pth')
        time.sleep(plan.get('seconds', 0))
        waited = wait(lambda: 'wait_for' not in plan or Path(plan['wait_for']).exists())
        met = wait(lambda: Path(plan['journal']).read_text().count('start') >= plan.get('company', 0))
        if not (waited and met):
            note('in_vain')
            sys.exit('waited in vain')
        if plan.get('fails'):
            for number in range(20):
                print(f'line {number}')
            note('fail')
            sys.exit(3)
        if plan.get('stopped'):
            note('stop')
            sys.exit(75)
        (folder / 'student.pth').write_text('student')
        if not plan.get('forgets'):
            partial = folder / 'results.json.partial'
            partial.write_text(json.dumps(results(plan['config_hash'])))
            partial.replace(folder / 'results.json')
        note('end')


def results(config_hash):
    scores = {'modality': 'image', 'samples': 4, 'metrics': {'accuracy': 75.0}, 'labelled': 4, 'hits': '4A=='}
    scores['per_class'] = {'a': {'count': 3, 'accuracy': 100.0}, 'b': {'count': 1, 'accuracy': 0.0}}
    about = {'seconds': 10.0, 'epoch': 2, 'selection': 'last epoch', 'device': 'cpu', 'commit': 'c0ffee'}
    return {'config_hash': config_hash, **about, 'student': scores}


def wait(until):
    deadline = time.monotonic() + PATIENCE
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)
    return until()


if __name__ == '__main__':
    main()
