#!/usr/bin/env python3
"""Downloads the published weights of Youtu-LLM-2B, checks them, and leaves a directory that youtu_model_open takes.

    python3 scripts/download.py [--source hf|modelscope] [--base] [--dir DIR] [--revision REV] [--endpoint URL]

The hub's own listing says what each file's size and hash must be. A file comes down as FILE.part and takes its name
only when both are right, so a directory never holds a file that looks whole and is not. Run it again after a cut
connection: it goes on where it stopped, and files that are already right are left alone.

Exit status: 0 all files are there and right, 2 usage, 3 the hub or the network, 4 a file is not what the hub says,
5 the disk (no room, no permission), 130 interrupted.
"""

import argparse
import hashlib
import http.client
import json
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NamedTuple

REQUIRED = ("config.json", "tokenizer.json", "tokenizer_config.json")
OPTIONAL = ("generation_config.json",)
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

CHUNK_BYTES = 1 << 20
LISTING_LIMIT_BYTES = 16 << 20
TIMEOUT_S = 60


class DownloadError(Exception):
    exit_status = 3


class WrongFile(DownloadError):
    exit_status = 4


class DiskError(DownloadError):
    exit_status = 5


class RemoteFile(NamedTuple):
    name: str
    url: str
    size: int
    algorithm: str  # "sha256", or "git-sha1": SHA-1 of the git blob, all that Hugging Face lists for small files
    digest: str

    def new_hash(self):
        if self.algorithm == "git-sha1":
            return hashlib.sha1(b"blob %d\0" % self.size)
        return hashlib.sha256()


# ---- the hubs -------------------------------------------------------------------------------------------------------


class HuggingFace:
    endpoint = "https://huggingface.co"
    revision = "main"
    repository = "tencent/Youtu-LLM-2B"

    def listing_url(self, endpoint, repository, revision):
        return f"{endpoint}/api/models/{repository}/tree/{quote(revision)}"

    def parse(self, listing, endpoint, repository, revision):
        for entry in listing:
            if entry["type"] != "file":
                continue
            name = entry["path"]
            url = f"{endpoint}/{repository}/resolve/{quote(revision)}/{quote(name)}"
            lfs = entry.get("lfs")
            if lfs:
                yield RemoteFile(name, url, lfs["size"], "sha256", lfs["oid"])
            else:
                yield RemoteFile(name, url, entry["size"], "git-sha1", entry["oid"])


class ModelScope:
    endpoint = "https://www.modelscope.cn"
    revision = "master"
    repository = "Tencent-YouTu-Research/Youtu-LLM-2B"

    def listing_url(self, endpoint, repository, revision):
        return f"{endpoint}/api/v1/models/{repository}/repo/files?Revision={quote(revision)}"

    def parse(self, listing, endpoint, repository, revision):
        # An unknown revision is answered with success and a null list.
        for entry in listing["Data"]["Files"] or ():
            if entry["Type"] != "blob":
                continue
            name = entry["Path"]
            url = f"{endpoint}/api/v1/models/{repository}/repo?Revision={quote(revision)}&FilePath={quote(name)}"
            yield RemoteFile(name, url, entry["Size"], "sha256", entry["Sha256"])


HUBS = {"hf": HuggingFace(), "modelscope": ModelScope()}


def quote(text):
    return urllib.parse.quote(text, safe="")


def open_url(url, first_byte=0):
    request = urllib.request.Request(url, headers={"User-Agent": "youtu-download"})
    if first_byte:
        request.add_header("Range", f"bytes={first_byte}-")
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            raise DownloadError(f"{url}: HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url}: {getattr(error, 'reason', error)}") from None


def read_whole(url, limit):
    with open_url(url) as response:
        try:
            body = response.read(limit + 1)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{url}: {error}") from None
    if len(body) > limit:
        raise DownloadError(f"{url}: more than {limit} bytes, expected a short answer")
    return body


def list_files(hub, endpoint, repository, revision):
    """The files at the top of the repository, by name."""
    url = hub.listing_url(endpoint, repository, revision)
    body = read_whole(url, LISTING_LIMIT_BYTES)
    files = {}
    try:
        for file in hub.parse(json.loads(body), endpoint, repository, revision):
            if re.fullmatch(r"\w[\w.-]*", file.name, re.ASCII):
                files[file.name] = file
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url}: not a listing of files ({type(error).__name__}: {error})") from None
    if not files:
        raise DownloadError(f"{url}: lists no files; is the revision {revision!r} right?")
    return files


def pick(listed, name, source):
    """A file by name, with a size and a hash that it can be checked by."""
    if name not in listed:
        raise DownloadError(f"{source}: {name} is not in the listing")
    file = listed[name]
    if type(file.size) is not int or file.size < 0:
        raise DownloadError(f"{source}: {name} is listed with size {file.size!r}, expected a number of bytes")
    digits = 40 if file.algorithm == "git-sha1" else 64
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", str(file.digest)):
        raise DownloadError(f"{source}: {name} is listed with {file.algorithm} {file.digest!r}, expected {digits} hex digits")
    return file


def choose_files(listed, source):
    """What the engine opens, small files first: one file of weights, or the shards that the index names."""
    names = REQUIRED + tuple(name for name in OPTIONAL if name in listed)
    chosen = [pick(listed, name, source) for name in names]
    if INDEX not in listed:
        return chosen + [pick(listed, WEIGHTS, source)]
    index = pick(listed, INDEX, source)
    body = read_whole(index.url, index.size)
    verify(index, len(body), hash_bytes(index, body))
    try:
        shards = sorted(set(json.loads(body)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongFile(f"{index.url}: not an index of shards ({type(error).__name__}: {error})") from None
    return chosen + [index] + [pick(listed, shard, source) for shard in shards]


# ---- one file -------------------------------------------------------------------------------------------------------


def hash_bytes(file, data):
    digest = file.new_hash()
    digest.update(data)
    return digest.hexdigest()


def verify(file, size, digest):
    if size != file.size:
        raise WrongFile(f"{file.name} from {file.url}: {size} bytes, expected {file.size}")
    if digest != file.digest:
        raise WrongFile(f"{file.name} from {file.url}: {file.algorithm} {digest}, expected {file.digest}")


def feed(digest, path):
    with open(path, "rb") as stream:
        while data := stream.read(CHUNK_BYTES):
            digest.update(data)
    return digest


def is_right(file, path):
    return path.is_file() and path.stat().st_size == file.size and feed(file.new_hash(), path).hexdigest() == file.digest


def part_path(directory, file):
    return directory / (file.name + ".part")


def part_size(directory, file):
    """Bytes of FILE.part that can be kept: none of one that is too long."""
    part = part_path(directory, file)
    size = part.stat().st_size if part.is_file() else 0
    return size if size <= file.size else 0


def first_byte_sent(file, response, wanted):
    """Where the body starts in the file: `wanted`, or 0 from a server without ranges. Checks the whole's size."""
    if response.status == 206:
        content_range = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
        if not match or int(match[1]) != wanted:
            raise DownloadError(f"{file.url}: asked for bytes from {wanted}, found Content-Range {content_range!r}")
        start, total = wanted, match[2]
    else:
        start, total = 0, "*" if response.length is None else response.length
    if total != "*" and int(total) != file.size:
        raise WrongFile(f"{file.name} from {file.url}: {total} bytes, expected {file.size}")
    return start


def append_body(file, response, stream, digest, progress):
    """Copies the body until it ends or breaks off; what arrived is kept either way."""
    while True:
        try:
            data = response.read1(CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            return str(error)
        if not data:
            return "the connection ended early"
        stream.write(data)
        digest.update(data)
        if stream.tell() > file.size:
            raise WrongFile(f"{file.name} from {file.url}: more than the expected {file.size} bytes")
        progress.show(file, stream.tell())


def empty(stream):
    stream.seek(0)
    stream.truncate()


def transfer(file, part, progress):
    """Completes FILE.part and returns its digest. A connection that breaks off is resumed as long as each one brings
    something."""
    with open(part, "ab") as stream:
        if stream.tell() > file.size:
            empty(stream)
        digest = feed(file.new_hash(), part)
        while stream.tell() < file.size:
            before = stream.tell()
            with open_url(file.url, before) as response:
                if first_byte_sent(file, response, before) != before:
                    empty(stream)
                    digest = file.new_hash()
                    before = 0
                reason = append_body(file, response, stream, digest, progress)
            if stream.tell() == before:
                raise DownloadError(f"{file.url}: {before} of {file.size} bytes, then: {reason}")
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def fetch(file, directory, progress):
    """Brings the file and gives it its name when it is right."""
    part = part_path(directory, file)
    resumed = part_size(directory, file) > 0
    try:
        digest = transfer(file, part, progress)
        verify(file, part.stat().st_size, digest)
    except WrongFile:
        part.unlink(missing_ok=True)
        if not resumed:
            raise
        # The beginning was perhaps that of another revision.
        return fetch(file, directory, progress)
    os.replace(part, directory / file.name)


# ---- all of them ----------------------------------------------------------------------------------------------------


class Progress:
    """One line that is written over, on a terminal only."""

    def __init__(self, stream):
        self.stream = stream
        self.on_terminal = stream.isatty()
        self.shown_at = 0.0

    def show(self, file, done):
        now = time.monotonic()
        if not self.on_terminal or (now - self.shown_at < 0.2 and done < file.size):
            return
        self.shown_at = now
        share = 100 * done // max(file.size, 1)
        self.stream.write(f"\r\033[K{file.name}: {share}% of {megabytes(file.size)}")
        self.stream.flush()

    def note(self, text):
        self.stream.write(("\r\033[K" if self.on_terminal else "") + text + "\n")


def megabytes(size):
    return f"{size / 1e6:,.1f} MB"


def check_space(directory, files):
    needed = sum(file.size - part_size(directory, file) for file in files)
    existing = directory.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskError(f"{directory}: {megabytes(needed)} are needed, {megabytes(free)} are free")


def download(hub, endpoint, repository, revision, directory, progress):
    source = f"{endpoint}/{repository}@{revision}"
    files = choose_files(list_files(hub, endpoint, repository, revision), source)
    wanted = []
    for file in files:
        if is_right(file, directory / file.name):
            progress.note(f"{file.name}: already there")
        else:
            wanted.append(file)
    check_space(directory, wanted)
    directory.mkdir(parents=True, exist_ok=True)
    for file in wanted:
        fetch(file, directory, progress)
        progress.note(f"{file.name}: {megabytes(file.size)}, {file.algorithm} {file.digest}")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Downloads and checks the published weights of Youtu-LLM-2B.")
    parser.add_argument("--source", choices=HUBS, default="hf", help="the hub (default: hf)")
    parser.add_argument("--base", action="store_true", help="the base model instead of the instruct model")
    parser.add_argument("--dir", type=Path, help="where to (default: models/Youtu-LLM-2B[-Base])")
    parser.add_argument("--revision", help="branch, tag or commit (default: the hub's main branch)")
    parser.add_argument("--endpoint", help="a mirror of the hub, such as https://host:port")
    options = parser.parse_args(arguments)
    if options.endpoint and not re.match(r"https?://[^/]", options.endpoint):
        parser.error(f"--endpoint {options.endpoint!r}: expected http:// or https:// and a host")
    return options


def main(arguments=None):
    options = parse_arguments(arguments)
    hub = HUBS[options.source]
    repository = hub.repository + ("-Base" if options.base else "")
    directory = options.dir or Path(__file__).resolve().parent.parent / "models" / repository.split("/")[1]
    progress = Progress(sys.stderr)
    try:
        endpoint = (options.endpoint or hub.endpoint).rstrip("/")
        download(hub, endpoint, repository, options.revision or hub.revision, directory, progress)
    except DownloadError as error:
        progress.note(f"download.py: {error}")
        return error.exit_status
    except OSError as error:
        progress.note(f"download.py: {error.filename or directory}: {error.strerror}")
        return DiskError.exit_status
    except KeyboardInterrupt:
        progress.note("download.py: interrupted; run it again to go on")
        return 130
    progress.note(f"{directory}: complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
