"""libtorrent (what qBittorrent and Deluge run on), each peer the process of libtorrent_peer.py."""

import subprocess
import sys
from pathlib import Path

from .packages import Unavailable, install
from .swarm import Swarm, Usage

PEER = Path(__file__).resolve().with_name("libtorrent_peer.py")


class Libtorrent:
    stages = True
    name = "libtorrent"
    python = None

    def prepare(self):
        if not (self.python or self.found()):
            install("python3-libtorrent")
            if not self.found():
                raise Unavailable("python3-libtorrent is installed, but no Python here can import it")

    def found(self):
        """Whether a Python here has it: Debian's packages belong to Debian's, which need not be the first."""
        for python in (sys.executable, "/usr/bin/python3"):
            script = "import libtorrent; print(libtorrent.__version__)"
            asked = subprocess.run([python, "-c", script], capture_output=True, text=True)
            if asked.returncode == 0:
                self.python, self.name = python, f"libtorrent {asked.stdout.strip()}"
                return True
        return False

    def run(self, source, receivers, target):
        with Swarm(deadline=120) as swarm:
            folders = [source.path.parent, *(target / str(rank) for rank in range(1, receivers + 1))]
            peers = [
                swarm.start([self.python, PEER, source.torrent, folder, role], stdin=subprocess.PIPE)
                for folder, role in zip(folders, ["seed"] + receivers * ["leech"])
            ]
            swarm.wait_for("listening", peers)
            ports = [swarm.line_with("listening", peer).split()[1] for peer in peers]
            for place, peer in enumerate(peers):
                peer.stdin.write(" ".join(ports[:place]).encode() + b"\n")
                peer.stdin.flush()
            took = swarm.wait_for("finished", peers[1:])
            return Usage(took, swarm.end())
