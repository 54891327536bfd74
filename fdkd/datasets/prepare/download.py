"""Downloading one large file, continued where an earlier attempt broke off."""

import errno
import os
import shutil
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from fdkd.datasets.prepare.files import SourceError, write_bytes
from fdkd.datasets.prepare.progress import progress_bar

_BLOCK = 1 << 20
_TIMEOUT = 60


def download(url: str, path: Path) -> None:
    """Downloads ``url`` to ``path``, which appears only when it is complete; shows the progress.

    The bytes gather in ``PATH.partial``. If that exists, the server is asked for the rest, provided it has named the
    version of the file (``PATH.partial.version``) and still has the same; otherwise the download starts over.

    Raises:
        SourceError: If the download fails or breaks off.
    """
    partial, version = (path.with_name(path.name + suffix) for suffix in ('.partial', '.partial.version'))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        response = _request(url, partial, version)
        if response is not None:
            with response:
                _receive(response, partial, version, path.name)
    except (OSError, HTTPException) as error:
        advice = 'run the same command again to continue, or get the file from elsewhere'
        raise SourceError(f'{path}: download of {url} failed ({error}); {advice}') from error
    os.replace(partial, path)
    version.unlink(missing_ok=True)


def _request(url: str, partial: Path, version: Path) -> HTTPResponse | None:
    """Asks for the file or for its rest; ``None`` where nothing is left to ask for."""
    headers = {'User-Agent': 'fdkd'}
    have = partial.stat().st_size if partial.is_file() and version.is_file() else 0
    if have:
        # If-Range: the rest of another version would make a file that never existed
        headers |= {'Range': f'bytes={have}-', 'If-Range': version.read_text()}
    try:
        return urlopen(Request(url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        if error.code != 416:  # the range starts behind the last byte
            raise
        if error.headers.get('Content-Range') == f'bytes */{have}':
            return None
        version.unlink()
        return _request(url, partial, version)


def _receive(response: HTTPResponse, partial: Path, version: Path, name: str) -> None:
    headers = response.headers
    if headers.get_content_type() == 'text/html':
        raise OSError('the server sent an HTML page')
    have = partial.stat().st_size if response.status == 206 else 0
    rest = int(headers['Content-Length']) if 'Content-Length' in headers else None
    if rest is not None and shutil.disk_usage(partial.parent).free < rest:
        raise OSError(errno.ENOSPC, f'no room for {rest:,} bytes', str(partial.parent))
    etag = headers.get('ETag', '')
    known = etag if etag.startswith('"') else headers.get('Last-Modified')  # a weak ETag does not vouch for the bytes
    version.unlink(missing_ok=True)
    with open(partial, 'ab' if have else 'wb') as file:
        if known:
            write_bytes(version, known.encode())
        total = None if rest is None else have + rest
        with progress_bar(name, total, have, in_bytes=True) as advance:
            while block := response.read(_BLOCK):
                file.write(block)
                advance(len(block))
    if total is not None and partial.stat().st_size < total:
        raise OSError(f'connection closed after {partial.stat().st_size:,} of {total:,} bytes')
