"""What scripts/bench-stage runs and measures with."""
