"""scripts/download.py against a hub on this machine that answers in the shapes of both hubs and can misbehave."""

import contextlib
import hashlib
import http.server
import importlib.util
import json
import re
import shutil
import socket
import threading
import urllib.parse
from collections import namedtuple
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/download.py"
spec = importlib.util.spec_from_file_location("download", SCRIPT)
download = importlib.util.module_from_spec(spec)
spec.loader.exec_module(download)

SMALL = {
    "config.json": b'{"model_type": "youtu"}',
    "generation_config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}' * 100,
    "tokenizer_config.json": b"{}\n",
}
WEIGHTS = bytes(range(256)) * 4096
SHARDS = {"model-00001-of-00002.safetensors": WEIGHTS[:1000], "model-00002-of-00002.safetensors": WEIGHTS[1000:5000]}
INDEX = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})


class Hub:
    """What the server holds, how it behaves, and what it was asked for."""

    def __init__(self, weights={"model.safetensors": WEIGHTS}):
        self.files = SMALL | {"README.md": b"not wanted", ".gitattributes": b""} | weights
        self.listed = {}  # name: fields of its listing that are changed
        self.ranges = True
        self.cut_after = None  # bytes of a body after which the connection breaks, at most cut_times times
        self.cut_times = 0
        self.missing = set()  # listed, but not served
        self.null_listing = False
        self.requests = []  # (name, Range header)

    def hugging_face_listing(self):
        entries = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "figures"}]
        for name, body in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
            entry = {"type": "file", "oid": blob, "size": len(body), "path": name}
            if name.endswith(".safetensors"):
                sha256 = hashlib.sha256(body).hexdigest()
                entry["lfs"] = {"oid": sha256, "size": len(body), "pointerSize": 135} | self.listed.get(name, {})
            entries.append(entry)
        return entries

    def modelscope_listing(self):
        entries = [{"Type": "tree", "Path": "figures", "Name": "figures", "Sha256": "", "Size": 0}]
        for name, body in self.files.items():
            entry = {"Type": "blob", "Path": name, "Name": name, "Size": len(body), "IsLFS": len(body) > 100}
            entries.append(entry | {"Sha256": hashlib.sha256(body).hexdigest()} | self.listed.get(name, {}))
        return {"Code": 200, "Success": True, "Data": {"Files": None if self.null_listing else entries}}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        hub = self.server.hub
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if re.fullmatch(r"/api/models/tencent/Youtu-LLM-2B(-Base)?/tree/main", url.path):
            self.send_json(hub.hugging_face_listing())
        elif match := re.fullmatch(r"/tencent/Youtu-LLM-2B(?:-Base)?/resolve/main/(.+)", url.path):
            self.send_response(302)  # the hub sends large files to another host
            self.send_header("Location", f"/cdn/{match[1]}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif url.path.startswith("/cdn/"):
            self.send_file(hub, url.path[len("/cdn/") :])
        elif url.path == "/api/v1/models/Tencent-YouTu-Research/Youtu-LLM-2B/repo/files":
            self.send_json(hub.modelscope_listing())
        elif url.path == "/api/v1/models/Tencent-YouTu-Research/Youtu-LLM-2B/repo":
            assert query["Revision"] == ["master"]
            self.send_file(hub, query["FilePath"][0])
        else:
            self.send_error(404)

    def send_json(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, hub, name):
        asked = self.headers.get("Range")
        hub.requests.append((name, asked))
        if name not in hub.files or name in hub.missing:
            return self.send_error(404)
        body = hub.files[name]
        start = 0
        if asked and hub.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body)
        if hub.cut_times and hub.cut_after is not None and len(body) - start > hub.cut_after:
            hub.cut_times -= 1
            end = start + hub.cut_after
        self.wfile.write(body[start:end])
        if end < len(body):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serving(hub):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = hub
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(hub, directory, *options):
    with serving(hub) as endpoint:
        return download.main(["--endpoint", endpoint, "--dir", str(directory), *options])


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(params=["hf", "modelscope"])
def source(request):
    return ("--source", request.param)


def test_brings_what_the_engine_opens_and_nothing_else(tmp_path, source):
    assert run(Hub(), tmp_path / "deep/model", *source) == 0
    assert contents(tmp_path / "deep/model") == SMALL | {"model.safetensors": WEIGHTS}


def test_base_model_has_its_own_repository(tmp_path):
    assert run(Hub(), tmp_path, "--base") == 0
    assert contents(tmp_path) == SMALL | {"model.safetensors": WEIGHTS}


def test_brings_the_shards_of_an_index(tmp_path, source):
    shards = SHARDS | {"model.safetensors.index.json": INDEX.encode()}
    assert run(Hub(shards), tmp_path, *source) == 0
    assert contents(tmp_path) == SMALL | shards


@pytest.mark.parametrize("name", ["../evil", "model-00009-of-00009.safetensors"])
def test_an_index_cannot_name_files_outside_the_listing(tmp_path, capsys, name):
    index = json.dumps({"weight_map": {"a": name}}).encode()
    assert run(Hub({"model.safetensors.index.json": index, "../evil": b"x"}), tmp_path / "model") == 3
    assert f"{name} is not in the listing" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_an_index_that_is_none(tmp_path, capsys):
    assert run(Hub({"model.safetensors.index.json": b"[]"}), tmp_path) == 4
    assert "not an index of shards" in capsys.readouterr().err


def test_right_files_are_left_alone_and_wrong_ones_replaced(tmp_path, source):
    assert run(Hub(), tmp_path, *source) == 0
    hub = Hub()
    assert run(hub, tmp_path, *source) == 0
    assert hub.requests == []
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS[:-1] + b"?")
    assert run(hub, tmp_path, *source) == 0
    assert hub.requests == [("model.safetensors", None)]
    assert contents(tmp_path) == SMALL | {"model.safetensors": WEIGHTS}


def test_goes_on_from_a_part_left_behind(tmp_path, source):
    (tmp_path / "model.safetensors.part").write_bytes(WEIGHTS[:1234])
    hub = Hub()
    assert run(hub, tmp_path, *source) == 0
    assert ("model.safetensors", "bytes=1234-") in hub.requests
    assert contents(tmp_path) == SMALL | {"model.safetensors": WEIGHTS}


@pytest.mark.parametrize("part", [WEIGHTS, WEIGHTS + b"more", b"?" * 100, b"?" * len(WEIGHTS), b""])
def test_a_part_that_is_whole_too_long_or_of_another_file(tmp_path, part):
    (tmp_path / "model.safetensors.part").write_bytes(part)
    assert run(Hub(), tmp_path) == 0
    assert contents(tmp_path) == SMALL | {"model.safetensors": WEIGHTS}


def test_resumes_a_connection_that_is_cut(tmp_path, source):
    hub = Hub()
    hub.cut_after, hub.cut_times = 400_000, 5
    assert run(hub, tmp_path, *source) == 0
    asked = [first_byte for name, first_byte in hub.requests if name == "model.safetensors"]
    assert asked == [None, "bytes=400000-", "bytes=800000-"]
    assert contents(tmp_path)["model.safetensors"] == WEIGHTS


def test_a_server_without_ranges_starts_from_the_beginning(tmp_path, source):
    hub = Hub()
    hub.ranges = False
    hub.cut_after, hub.cut_times = 400_000, 1
    (tmp_path / "tokenizer.json.part").write_bytes(SMALL["tokenizer.json"][:7])
    assert run(hub, tmp_path, *source) == 0
    assert contents(tmp_path) == SMALL | {"model.safetensors": WEIGHTS}


def test_a_connection_that_brings_nothing_ends_the_run_and_keeps_the_part(tmp_path, capsys):
    hub = Hub({"model.safetensors": WEIGHTS})
    (tmp_path / "model.safetensors.part").write_bytes(WEIGHTS[:5000])
    hub.cut_after, hub.cut_times = 0, 99
    for name, body in SMALL.items():
        (tmp_path / name).write_bytes(body)
    assert run(hub, tmp_path) == 3
    error = capsys.readouterr().err
    assert f"5000 of {len(WEIGHTS)} bytes" in error and "/model.safetensors" in error
    assert (tmp_path / "model.safetensors.part").read_bytes() == WEIGHTS[:5000]


def test_a_file_shorter_than_listed(tmp_path, capsys, source):
    hub = Hub()
    hub.listed["model.safetensors"] = {"size": len(WEIGHTS) + 5, "Size": len(WEIGHTS) + 5}
    assert run(hub, tmp_path, *source) == 4
    error = capsys.readouterr().err
    assert f"{len(WEIGHTS)} bytes, expected {len(WEIGHTS) + 5}" in error
    assert "model.safetensors from http://127.0.0.1" in error
    assert contents(tmp_path) == SMALL


def test_a_wrong_hash_names_both_and_leaves_no_file(tmp_path, capsys, source):
    hub = Hub()
    hub.listed["model.safetensors"] = {"oid": "ab" * 32, "Sha256": "ab" * 32}
    assert run(hub, tmp_path, *source) == 4
    error = capsys.readouterr().err
    assert f"sha256 {hashlib.sha256(WEIGHTS).hexdigest()}, expected {'ab' * 32}" in error
    assert contents(tmp_path) == SMALL


@pytest.mark.parametrize("change", [{"Sha256": ""}, {"Sha256": None}, {"Size": "12"}, {"Size": -1}])
def test_a_listing_without_anything_to_check_by(tmp_path, capsys, change):
    hub = Hub()
    hub.listed["model.safetensors"] = change
    assert run(hub, tmp_path / "model", "--source", "modelscope") == 3
    assert "model.safetensors is listed with" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_file_that_is_listed_but_not_served(tmp_path, capsys, source):
    hub = Hub()
    hub.missing.add("model.safetensors")
    assert run(hub, tmp_path, *source) == 3
    assert "model.safetensors: HTTP 404" in capsys.readouterr().err
    assert "model.safetensors" not in contents(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_a_repository_without_a_needed_file(tmp_path, capsys, name):
    hub = Hub()
    del hub.files[name]
    assert run(hub, tmp_path) == 3
    assert f"{name} is not in the listing" in capsys.readouterr().err


def test_a_revision_that_does_not_exist(tmp_path, capsys):
    assert run(Hub(), tmp_path, "--revision", "v9/x") == 3
    assert "/tree/v9%2Fx: HTTP 404" in capsys.readouterr().err
    hub = Hub()
    hub.null_listing = True
    assert run(hub, tmp_path, "--source", "modelscope", "--revision", "v9") == 3
    assert "is the revision 'v9' right?" in capsys.readouterr().err


def test_something_else_than_a_listing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Hub, "hugging_face_listing", lambda self: {"error": "sign in"})
    assert run(Hub(), tmp_path) == 3
    assert "not a listing of files" in capsys.readouterr().err


def test_no_server(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert download.main(["--endpoint", f"http://127.0.0.1:{port}", "--dir", str(tmp_path)]) == 3
    assert "Connection refused" in capsys.readouterr().err


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    needed = len(WEIGHTS) - 1234 + sum(map(len, SMALL.values()))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, needed - 1))
    (tmp_path / "model.safetensors.part").write_bytes(WEIGHTS[:1234])
    hub = Hub()
    assert run(hub, tmp_path) == 5
    assert "are needed" in capsys.readouterr().err
    assert hub.requests == [] and list(contents(tmp_path)) == ["model.safetensors.part"]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, needed))
    assert run(hub, tmp_path) == 0


def test_a_directory_that_is_a_file(tmp_path, capsys):
    (tmp_path / "model").write_text("")
    assert run(Hub(), tmp_path / "model") == 5
    assert "model" in capsys.readouterr().err


def test_wrong_options(capsys):
    for options in (["--source", "ftp"], ["--nonsense"], ["positional"], ["--endpoint", "example.org"]):
        with pytest.raises(SystemExit) as caught:
            download.main(options)
        assert caught.value.code == 2
    assert "expected http:// or https://" in capsys.readouterr().err


def test_progress_is_for_terminals(tmp_path, capsys):
    assert run(Hub(), tmp_path) == 0
    assert "\r" not in capsys.readouterr().err
