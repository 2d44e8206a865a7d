"""Runs a command to its end: its time, and the processor time of all that it waited for."""

import os
import signal
import subprocess
import tempfile
import threading
import time

from rivals.swarm import Failed, Usage


def run(words, environment=None, deadline=180):
    """Runs it in a process group of its own. mpirun waits for its ranks, so theirs is in the processor time."""
    with tempfile.TemporaryFile() as said:
        begun = time.monotonic()
        job = subprocess.Popen(
            list(map(str, words)), env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            process_group=0,
        )
        overdue = threading.Timer(deadline, os.killpg, (job.pid, signal.SIGKILL))
        overdue.start()
        try:
            _, status, usage = os.wait4(job.pid, 0)
            wall = time.monotonic() - begun
            job.returncode = os.waitstatus_to_exitcode(status)
        finally:
            overdue.cancel()
            if job.returncode is None:
                end(job)
        if job.returncode != 0:
            said.seek(0)
            last = " ".join(said.read().decode(errors="replace").split())[-300:]
            raise Failed(f"{' '.join(map(str, words[:6]))} .. ended with {job.returncode}: {last}")
    return Usage(wall, usage.ru_utime + usage.ru_stime)


def end(job):
    """Ends what was interrupted, and gives mpirun the time to end its ranks."""
    os.killpg(job.pid, signal.SIGTERM)
    try:
        job.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
