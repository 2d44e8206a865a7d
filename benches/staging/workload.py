"""What is staged: files and trees made from a seed, their torrents, and whether they arrived."""

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

MIB = 1 << 20
PIECE = 256 * 1024


class Source:
    """A file or folder to stage. Rivals get `torrent`, the broadcast `digests`: both of pieces of PIECE bytes."""

    def __init__(self, path, size):
        self.path, self.size = path, size
        self.torrent = path.parent.parent / f"{path.name}.torrent"
        self.digests = self.torrent.with_suffix(".digests")

    def differs(self, arrived):
        """What is wrong with what arrived at a path; None if it is the same."""
        words = ["diff", "-r", "--no-dereference"] if self.path.is_dir() else ["cmp"]
        compared = subprocess.run([*words, self.path, arrived], capture_output=True, text=True)
        return (compared.stdout + compared.stderr)[:300] if compared.returncode != 0 else None


def file_of(mebibytes, folder):
    """A file of random bytes, on disk and in the cache."""
    source = Source(folder / f"{mebibytes}MiB" / f"file{mebibytes}", mebibytes * MIB)
    if source.path.exists():
        return source
    source.path.parent.mkdir()
    dice, digests = random.Random(mebibytes), bytearray()
    with open(source.path, "wb") as file:
        for _ in range(mebibytes):
            block = dice.randbytes(MIB)
            file.write(block)
            for start in range(0, MIB, PIECE):
                digests += hashlib.sha1(block[start : start + PIECE]).digest()
    os.sync()
    source.digests.write_bytes(digests)
    info = {"length": source.size, "name": source.path.name, "piece length": PIECE, "pieces": bytes(digests)}
    source.torrent.write_bytes(bencoded({"info": info}))
    return source


def tree_of(files, folder):
    """A tree of files of 4 KiB, 200 in a folder."""
    source = Source(folder / "tree" / f"files{files}", files * 4096)
    if source.path.exists():
        return source
    dice = random.Random(files)
    for number in range(files):
        path = source.path / f"folder{number // 200}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(4096))
    os.sync()
    return source


def bencoded(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    return b"d" + b"".join(bencoded(key) + bencoded(value[key]) for key in sorted(value)) + b"e"


def recycle_pages(folder, size):
    """Leaves as much free memory as a run will fill in the state in which the run before left it.

    A virtual machine may give free pages back to its host within seconds; the next to write pays for each with a fault
    in the host. So who ran a little later would seem ten times as slow.
    """
    block = bytes(MIB)
    path = folder / "recycled"
    with open(path, "wb", buffering=0) as file:
        for _ in range(-(-size // MIB)):
            file.write(block)
    path.unlink()


def fresh(folder):
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    return folder
