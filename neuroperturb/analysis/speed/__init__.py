"""Speed: benchmarks of steps and sweeps, timed alternately."""
