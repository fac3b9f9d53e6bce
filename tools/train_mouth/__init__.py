"""Makes the weights of the mouth network: ``python -m tools.train_mouth``."""
