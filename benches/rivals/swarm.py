"""The processes of one swarm: started, listened to, ended by their ids, and their time summed up."""

import os
import selectors
import signal
import socket
import subprocess
import time


class Failed(Exception):
    """A run that did not do what it should: what was wrong."""


class Usage:
    """What a run took."""

    def __init__(self, wall, cpu, summary=None):
        self.wall, self.cpu, self.summary = wall, cpu, summary


class Swarm:
    """Use it as a context: what was started in it has ended when it is left."""

    def __init__(self, deadline):
        self.begun = time.monotonic()
        self.deadline = self.begun + deadline
        self.processes = []
        self.heard = {}
        self.selector = selectors.DefaultSelector()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def start(self, words, environment=None, **options):
        """Starts a process, whose lines on either output are listened to."""
        process = subprocess.Popen(
            list(map(str, words)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
        )
        os.set_blocking(process.stdout.fileno(), False)
        self.selector.register(process.stdout, selectors.EVENT_READ, process)
        self.processes.append(process)
        self.heard[process] = ""
        return process

    def wait_for(self, text, processes):
        """Waits until each of these has said a whole line with this text; the seconds since the swarm began."""
        while missing := [process for process in processes if not self.line_with(text, process)]:
            ready = self.selector.select(timeout=max(0, self.deadline - time.monotonic()))
            if not ready:
                raise Failed(f"{len(missing)} of {len(processes)} never said '{text}', but: {self.last_words(missing)}")
            for key, _ in ready:
                said = key.fileobj.read()
                self.heard[key.data] += (said or b"").decode(errors="replace")
                if said == b"":
                    self.selector.unregister(key.fileobj)
                    if key.data in missing and not self.line_with(text, key.data):
                        raise Failed(f"ended before it said '{text}': {self.last_words([key.data])}")
        return time.monotonic() - self.begun

    def line_with(self, text, process):
        """The first whole line of a process with this text."""
        return next((line for line in self.heard[process].splitlines(True) if text in line and line[-1] == "\n"), None)

    def last_words(self, processes):
        return self.heard[processes[0]].strip()[-300:] or "nothing"

    def end(self):
        """Ends all that is left; the processor time that all took, and their own children."""
        for process in self.processes:
            if process.stdin:
                process.stdin.close()
            else:
                os.kill(process.pid, signal.SIGTERM)
        cpu = 0
        while self.processes:
            cpu += self.wait(self.processes[0])
            self.processes.pop(0).stdout.close()
        return cpu

    def wait(self, process):
        """Waits for a process that was told to end; its processor time."""
        patience = time.monotonic() + 30
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                process.returncode = os.waitstatus_to_exitcode(status)
                return usage.ru_utime + usage.ru_stime
            if time.monotonic() > patience:
                os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.01)


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
