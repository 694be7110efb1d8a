"""Speed: benchmarks of steps and sweeps, timed side by side."""
