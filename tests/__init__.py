"""What the service promises, asked of it as its users would."""

import os

# As in the service's workers; besides, a sum by several threads is not the same each time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
