"""What benches and workers write as JSON."""
