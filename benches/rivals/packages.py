"""What the rivals are installed with, where that is possible."""

import os
import shutil
import subprocess


class Unavailable(Exception):
    """A program that is not here and cannot be had: why."""


def install(package):
    """Installs a Debian package, as root or with a sudo that asks for no password."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (as_root and not _succeeds([*as_root, "true"])):
        raise Unavailable(f"not installed: on Debian, sudo apt-get install {package}")
    print(f"bench-stage: installing {package}", flush=True)
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    if not (_succeeds([*apt, "update"]) and _succeeds([*apt, "install", "--no-install-recommends", package])):
        raise Unavailable(f"not installed: apt-get could not install {package}")


def _succeeds(words):
    try:
        return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False
