"""The programs that go by mpirun, and cp: each stages a source to FOLDER/1, FOLDER/2 ..."""

import json
import os
import subprocess
from pathlib import Path

from rivals.packages import Unavailable, install
from rivals.swarm import Failed

from . import job
from .workload import PIECE

ROOT = Path(__file__).resolve().parents[2]


class Mpi:
    """Which mpirun and mpicc, with what a test machine needs."""

    def __init__(self, folder):
        self.folder = folder
        self.mpirun, self.mpicc = os.environ.get("MPIRUN", "mpirun"), os.environ.get("MPICC", "mpicc")
        version = subprocess.run([self.mpirun, "--version"], capture_output=True, text=True, check=True).stdout
        self.options = ["--oversubscribe"] if "Open" in version else []
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def run(self, ranks, *words):
        return job.run([self.mpirun, *self.options, "-np", ranks, *words], self.environment)

    def compile(self, name, *libraries):
        """Compiles benches/NAME.c, once; where the program is."""
        program = self.folder / name
        if program.exists():
            return program
        words = [self.mpicc, "-O2", "-o", program, ROOT / f"benches/{name}.c", *libraries]
        compiled = subprocess.run(words, capture_output=True, text=True)
        if compiled.returncode != 0:
            raise Unavailable(f"{self.mpicc} cannot compile it: {compiled.stderr.strip()[:200]}")
        return program


class Empty:
    """An MPI program that does nothing, on as many ranks: what no program can do without."""

    name = "empty"
    stages = False

    def __init__(self, mpi):
        self.mpi = mpi

    def prepare(self):
        self.program = self.mpi.compile("empty")

    def run(self, _source, receivers, _target):
        return self.mpi.run(receivers + 1, self.program)


class Broadcast:
    """benches/broadcast.c; `knows` says whether rank 0 has the digests of a torrent or takes them itself."""

    def __init__(self, mpi, knows, *more):
        self.mpi, self.knows, self.more = mpi, knows, more
        self.name = " ".join(["broadcast", f"from {knows}", *more])
        self.stages = "--no-write" not in more

    def prepare(self):
        try:
            self.program = self.mpi.compile("broadcast", "-lcrypto")
        except Unavailable:
            install("libssl-dev")
            self.program = self.mpi.compile("broadcast", "-lcrypto")

    def words(self, source, target):
        digests = ["--digests", source.digests] if self.knows == "F.torrent" else []
        return [self.program, source.path, target, PIECE, *digests, *self.more]

    def run(self, source, receivers, target):
        return self.mpi.run(receivers + 1, *self.words(source, target))


class Stage:
    """`tema3 stage`: rank 0 alone reads the source, and all others receive."""

    stages = True

    def __init__(self, mpi, program, knows, *more):
        self.mpi, self.program, self.knows, self.more = mpi, Path(program).resolve(), knows, more
        self.name = " ".join(["tema3", f"from {knows}", *more])
        self.torrents = {}

    def prepare(self):
        if not self.program.exists():
            raise Unavailable(f"{self.program} is not built")
        if subprocess.run([self.program, "stage", "--help"], capture_output=True).returncode != 0:
            raise Unavailable(f"{self.program} has no `stage`")

    def words(self, source, receivers, target):
        what = [source.path]
        if self.knows == "F.torrent":
            what = [self.torrent(source), "--from", source.path.parent]
        whom = "1" if receivers == 1 else f"1-{receivers}"
        to = ["--to", target / "{rank}", "--from-ranks", "0", "--for", whom]
        return [self.program, "stage", *what, *to, "--quiet", "--summary", target / "summary.json", *self.more]

    def torrent(self, source):
        """Made once, outside the time; of the piece length that it chooses itself."""
        if source not in self.torrents:
            path = self.mpi.folder / f"own-{source.path.name}.torrent"
            if not path.exists():
                job.run([self.program, "torrent", "create", source.path, "-o", path])
            self.torrents[source] = path
        return self.torrents[source]

    def run(self, source, receivers, target):
        words = self.words(source, receivers, target)
        usage = self.mpi.run(receivers + 1, *words)
        usage.summary = ranks_of(target / "summary.json")
        return usage


class RankSummary:
    """What one rank says of itself at the end."""

    def __init__(self, said):
        self.sent = said["bytes_sent"]
        self.received = said["bytes_received"]
        self.wasted = said["bytes_wasted"]
        self.source_read = said["source_bytes_read"]
        self.finished_after = said["finished_after_s"]


def ranks_of(path):
    """Each rank's part of a summary."""
    try:
        said = json.loads(path.read_text())
        return {client["rank"]: RankSummary(client) for client in said["clients"]}
    except (OSError, ValueError, KeyError) as error:
        raise Failed(f"{path.name} of --summary cannot be used: {error!r}") from error


class CopyInTurn:
    """`cp -r`, one place after the other."""

    name = "cp -r"
    stages = True

    def prepare(self):
        pass

    def run(self, source, receivers, target):
        places = [target / str(rank) for rank in range(1, receivers + 1)]
        for place in places:
            place.mkdir()
        script = 'source=$1; shift; for place; do cp -r "$source" "$place/" || exit; done'
        return job.run(["sh", "-c", script, "sh", source.path, *places])
