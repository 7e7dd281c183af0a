"""`python -m topformer`, which is also how `torchrun -m topformer` starts it."""

from topformer.cli.main import main

main()
