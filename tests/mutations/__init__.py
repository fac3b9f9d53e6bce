"""Deliberate faults in the code that keeps money and callers safe: data and little else."""

from tests.mutations.addresses import REACHING
from tests.mutations.archive import ARCHIVE
from tests.mutations.base import Mutation
from tests.mutations.callers import CALLERS
from tests.mutations.costs import COSTS
from tests.mutations.jobs import JOBS
from tests.mutations.media import MEDIA
from tests.mutations.providers import PROVIDERS
from tests.mutations.speech import SPOKEN
from tests.mutations.webhooks import WEBHOOKS

MUTATIONS: tuple[Mutation, ...] = (
    *CALLERS,
    *COSTS,
    *PROVIDERS,
    *JOBS,
    *MEDIA,
    *ARCHIVE,
    *REACHING,
    *SPOKEN,
    *WEBHOOKS,
)
