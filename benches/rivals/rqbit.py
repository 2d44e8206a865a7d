"""rqbit: the seed checks its file first, as it cannot do without."""

import os
import subprocess
from pathlib import Path

from .packages import Unavailable
from .swarm import Swarm, Usage, free_ports

VERSION = "9.1.0"
ROOT = Path(__file__).resolve().parents[2] / "target/rivals"


class Rqbit:
    stages = True
    name = f"rqbit {VERSION}"
    program = ROOT / "bin/rqbit"

    def prepare(self):
        if self.program.exists():
            return
        print("bench-stage: building rqbit, which takes minutes", flush=True)
        environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
        # Its web pages want Node, its database PostgreSQL's library: neither moves a byte here.
        built = subprocess.run(
            ["cargo", "install", "--quiet", "--locked", "--root", ROOT, "--version", VERSION, "--no-default-features",
             "--features", "rust-tls", "rqbit"], env=environment, stderr=subprocess.PIPE, text=True,
        )
        if built.returncode != 0:
            raise Unavailable("cargo could not build it: " + " ".join(built.stderr.split())[-200:])

    def run(self, source, receivers, target):
        with Swarm(deadline=120) as swarm:
            environment = dict(os.environ, HOME=str(target), NO_COLOR="1")
            ports = free_ports(receivers + 1)

            def start(place, folder, *more):
                words = [
                    self.program, "-v", "info", "--disable-dht", "--disable-lsd", "--disable-trackers",
                    "--disable-upnp-port-forward", "--ipv4-only", "--listen-ip", "127.0.0.1",
                    "--listen-port", ports[place], "download", "--disable-http-api", *more, "-o", folder, source.torrent,
                ]
                return swarm.start(words, environment)

            seed = start(0, source.path.parent, "--overwrite")
            swarm.wait_for("Initial check results", [seed])
            leechers = [
                start(rank, target / str(rank), "--initial-peers", ",".join(f"127.0.0.1:{port}" for port in ports[:rank]))
                for rank in range(1, receivers + 1)
            ]
            return Usage(swarm.wait_for("torrent finished downloading", leechers), swarm.end())
