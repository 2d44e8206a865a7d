"""Runs programs in turn, A B A B, checks each time what arrived, and keeps what each run took."""

import shutil
import statistics

from rivals.packages import Unavailable
from rivals.swarm import Failed

from .workload import fresh, recycle_pages


class Contest:
    """The runs of some programs over one source. A program that fails is out; `why_not` says why."""

    def __init__(self, bench, source, receivers, target):
        self.bench, self.source, self.receivers, self.target = bench, source, receivers, target
        self.usages, self.why_not = {}, {}

    def between(self, *programs):
        for _ in range(self.bench.runs):
            for program in programs:
                if program.name not in self.why_not:
                    self.once(program)
        return self

    def once(self, program):
        try:
            self.bench.prepare(program)
            fresh(self.target)
            if program.stages:
                recycle_pages(self.target, self.source.size * self.receivers)
            usage = program.run(self.source, self.receivers, self.target)
            self.check(program)
            self.usages.setdefault(program.name, []).append(usage)
        except (Unavailable, Failed) as error:
            self.why_not[program.name] = str(error)
            self.usages.pop(program.name, None)
            self.bench.failed |= isinstance(error, Failed)
        finally:
            shutil.rmtree(self.target, ignore_errors=True)

    def check(self, program):
        places = range(1, self.receivers + 1) if program.stages else []
        for rank in places:
            wrong = self.source.differs(self.target / str(rank) / self.source.path.name)
            if wrong:
                raise Failed(f"what arrived at {rank} is wrong: {wrong}")

    def figures(self, program, of):
        """A figure of each run of a program, or Unavailable."""
        if program.name not in self.usages:
            raise Unavailable(f"{program.name}: {self.why_not[program.name]}")
        return Figures([of(usage) for usage in self.usages[program.name]])

    def walls(self, program):
        return self.figures(program, lambda usage: usage.wall)

    def cpu_per_gb(self, program, empty=None):
        """Processor time a delivered GB; of what goes by mpirun less that of the empty program."""
        launch = self.figures(empty, lambda usage: usage.cpu).median if empty else 0
        delivered = self.source.size * self.receivers / 1e9
        return self.figures(program, lambda usage: (usage.cpu - launch) / delivered)


class Figures:
    """The same figure of several runs."""

    def __init__(self, values):
        self.median, self.least, self.most = statistics.median(values), min(values), max(values)

    def text(self, unit="", digits=2):
        return f"{self.median:.{digits}f}{unit} (min {self.least:.{digits}f})"

    def span(self):
        return f"{self.median:.3f} ({self.least:.3f} to {self.most:.3f})"
