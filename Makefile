# `make run` and `make test` are all that a newcomer needs; `make help` lists the rest.

# Which MPI: openmpi or mpich. Where nobody chose, the one that is here; Open MPI where both are.
MPI ?= $(shell scripts/with-mpi --default)
# With which MPIs the tests run: those that are here.
MPIS ?= $(shell scripts/with-mpi --available)
# What `make run` runs: a folder with in<R>.txt.
SAMPLE ?= inputs/tutorial
# How long `make soak` and `make soak-real` try to break it.
SWARMS ?= 100000
REPEATS ?= 50
# What `make bench-stage` measures (scripts/bench-stage --list; all where none is named), and how often each.
ROWS ?=
RUNS ?= 5

.PHONY: build run test check lint bench bench-stage soak soak-real setup clean help

build: ## build ./tema3, optimised
	@scripts/build $(MPI)

run: setup ## set up, build, run a sample swarm (SAMPLE=inputs/tutorial) and show what came out
	@$(MAKE) --no-print-directory build
	@scripts/with-mpi $(MPI) scripts/run-sample $(SAMPLE)

test: ## set up, then run all tests: once each, those that start mpirun with each MPI
	@scripts/setup --tests
	@scripts/test-all $(MPIS)

check: lint test ## the gate: lint and test

lint: setup ## format, lints, documentation, dependencies, scripts; warnings are errors
	@scripts/lint $(MPI)

bench: build ## measure what benches/README.md lists
	@scripts/with-mpi $(MPI) scripts/bench-assignment
	@scripts/with-mpi $(MPI) scripts/bench-two-threads

bench-stage: build ## measure `tema3 stage` beside other programs (ROWS=.., RUNS=5); installs or builds those
	@scripts/with-mpi $(MPI) scripts/bench-stage --runs $(RUNS) $(ROWS)

soak: build ## many seeded faulty swarms in virtual time (SWARMS=100000)
	./tema3 soak --swarms $(SWARMS)

soak-real: setup ## each story many times under mpirun, with each MPI (REPEATS=50)
	@TEMA3_REPEATS=$(REPEATS) scripts/test-all --only-mpirun $(MPIS)

setup: ## install what is missing, where that is possible
	@scripts/setup

clean: ## remove what was made
	rm -rf target out tema3

help: ## this list
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo '  MPI=openmpi or MPI=mpich chooses the MPI, as in: make MPI=mpich run'
