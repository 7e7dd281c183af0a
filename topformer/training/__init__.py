"""Training: recipes, the loop, checkpoints that survive, and what is told while it runs."""
