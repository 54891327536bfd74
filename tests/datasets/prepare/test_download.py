"""Downloads from a server on this machine: whole, broken off and continued, changed meanwhile, and refused."""

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from fdkd.datasets.prepare.download import download
from fdkd.datasets.prepare.files import SourceError

CONTENT = np.random.default_rng(0).bytes(3 << 20)
REST_FROM = 1_234_567


class RangeHandler(SimpleHTTPRequestHandler):
    """Serves files with ranges and an ETag; breaks off after ``server.limit`` bytes where that is set."""

    def do_GET(self):
        self.server.ranges.append(self.headers['Range'])
        data = (self.server.folder / self.path.lstrip('/')).read_bytes()
        start, etag = 0, f'"{hash(data)}"'
        if self.headers['Range'] and self.headers['If-Range'] == etag:
            start = int(re.fullmatch(r'bytes=(\d+)-', self.headers['Range'])[1])
        if start >= len(data):
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(data)}')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header('Content-Range', f'bytes {start}-{len(data) - 1}/{len(data)}')
        self.send_header('Content-Length', str(len(data) - start))
        self.send_header('ETag', etag)
        self.end_headers()
        self.wfile.write(data[start : self.server.limit])

    def log_message(self, *args):
        pass


class PlainHandler(SimpleHTTPRequestHandler):
    """Python's own file server, which knows no ranges."""

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Starts a server for the folder ``served``; ``server.ranges`` collects what was asked for."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    folder = tmp_path / 'served'
    folder.mkdir()
    (folder / 'set.mat').write_bytes(CONTENT)
    servers = []

    def start(handler=RangeHandler):
        server = ThreadingHTTPServer(('127.0.0.1', 0), partial(handler, directory=str(folder)))
        server.folder, server.ranges, server.limit = folder, [], None
        server.url = f'http://127.0.0.1:{server.server_port}/set.mat'
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def break_off(server, path):
    """A download that ends after ``REST_FROM`` bytes because the connection closes."""
    server.limit = REST_FROM
    with pytest.raises(SourceError, match=r'connection closed after 1,234,567 of 3,145,728 bytes.*again to continue'):
        download(server.url, path)
    server.limit = None


@pytest.mark.parametrize('handler', [RangeHandler, PlainHandler])
def test_whole_file(serve, tmp_path, handler):
    download(serve(handler).url, tmp_path / 'new' / 'set.mat')
    assert (tmp_path / 'new' / 'set.mat').read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['set.mat']


def test_broken_download_leaves_a_partial_file_and_continues(serve, tmp_path):
    server, path = serve(), tmp_path / 'set.mat'
    break_off(server, path)
    assert not path.exists()
    assert (tmp_path / 'set.mat.partial').read_bytes() == CONTENT[:REST_FROM]
    download(server.url, path)
    assert server.ranges == [None, f'bytes={REST_FROM}-']
    assert path.read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ['served', 'set.mat']


def test_file_that_changed_meanwhile_is_downloaded_afresh(serve, tmp_path):
    server, path = serve(), tmp_path / 'set.mat'
    break_off(server, path)
    (server.folder / 'set.mat').write_bytes(CONTENT[::-1])
    download(server.url, path)
    assert path.read_bytes() == CONTENT[::-1]


def test_server_without_ranges_starts_over(serve, tmp_path):
    path = tmp_path / 'set.mat'
    break_off(serve(), path)
    download(serve(PlainHandler).url, path)
    assert path.read_bytes() == CONTENT


def test_partial_file_of_unknown_version_is_not_continued(serve, tmp_path):
    server, path = serve(), tmp_path / 'set.mat'
    (tmp_path / 'set.mat.partial').write_bytes(b'of another file')
    download(server.url, path)
    assert server.ranges == [None]
    assert path.read_bytes() == CONTENT


def test_killed_between_the_last_byte_and_the_renaming(serve, tmp_path):
    server, path = serve(), tmp_path / 'set.mat'
    break_off(server, path)
    (tmp_path / 'set.mat.partial').write_bytes(CONTENT)
    download(server.url, path)
    assert server.ranges[1:] == [f'bytes={len(CONTENT)}-']
    assert path.read_bytes() == CONTENT


def test_partial_file_that_is_too_long_is_downloaded_afresh(serve, tmp_path):
    server, path = serve(), tmp_path / 'set.mat'
    break_off(server, path)
    (tmp_path / 'set.mat.partial').write_bytes(CONTENT + b'more')
    download(server.url, path)
    assert path.read_bytes() == CONTENT


def test_html_page_is_not_taken_for_the_file(serve, tmp_path):
    server = serve(PlainHandler)
    (server.folder / 'moved.html').write_text('<html>this page has moved</html>')
    with pytest.raises(SourceError, match='the server sent an HTML page'):
        download(server.url.replace('set.mat', 'moved.html'), tmp_path / 'set.mat')
    assert not (tmp_path / 'set.mat').exists()


def test_missing_page_and_silent_server_are_told(serve, tmp_path):
    server = serve(PlainHandler)
    with pytest.raises(SourceError, match=r'absent\.mat failed \(HTTP Error 404: File not found\)'):
        download(server.url.replace('set.mat', 'absent.mat'), tmp_path / 'set.mat')
    server.shutdown()
    server.server_close()
    with pytest.raises(SourceError, match='Connection refused'):
        download(server.url, tmp_path / 'set.mat')


def test_full_disk_is_told_before_the_download(serve, tmp_path, monkeypatch):
    monkeypatch.setattr('shutil.disk_usage', lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SourceError, match='no room for 3,145,728 bytes'):
        download(serve().url, tmp_path / 'set.mat')
    assert not (tmp_path / 'set.mat.partial').exists()
