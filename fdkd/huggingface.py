"""What comes from the Hugging Face hub: from a folder or the cache, and only then from the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from fdkd.errors import CheckpointError


def load_local_first(load: Callable, model: str, files: str, **settings: Any) -> Any:
    """Calls one of transformers' ``from_pretrained``; the network is asked only for what is not here.

    Code that comes with a model is never run, nor is one asked whether it may.

    Args:
        load: The ``from_pretrained``.
        model: A folder, or a name on the hub.
        files: The files that ``load`` looks for, in words.
        settings: Further arguments of ``load``.

    Raises:
        CheckpointError: If the files are not here and cannot be downloaded, are damaged, or need code of their own.
    """
    from safetensors import SafetensorError

    failures = (OSError, ValueError, SafetensorError, UnpicklingError)
    settings['trust_remote_code'] = False
    try:
        try:
            with _quiet():
                return load(model, local_files_only=True, **settings)
        except failures:
            if Path(model).is_dir():
                raise
            return load(model, **settings)
    except failures as error:
        reason = str(error).strip().partition('\n')[0]
        if Path(model).is_dir():
            raise CheckpointError(
                f'{model}: cannot be read as a Hugging Face model ({reason}); expected {files}'
            ) from error
        raise CheckpointError(
            f'{model}: no such folder, not in the Hugging Face cache, and not to be had from the network ({reason}): '
            f'name a folder that holds {files}'
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from reporting on the entries of pretraining heads, and from a progress bar."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
