"""Stand-ins for the platforms behind our providers: data and little else, one file each."""

from tests.vendors.aiml import AIML
from tests.vendors.base import Vendor
from tests.vendors.fal_lipsync import FAL_LIPSYNC
from tests.vendors.fal_sync import FAL_SYNC
from tests.vendors.gooey import GOOEY
from tests.vendors.magic_hour import MAGIC_HOUR

VENDORS: tuple[Vendor, ...] = (
    GOOEY,
    MAGIC_HOUR,
    AIML,
    FAL_SYNC,
    FAL_LIPSYNC,
)
