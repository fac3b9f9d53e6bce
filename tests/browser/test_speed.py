"""What the page weighs, and how soon it is seen; ``-s`` prints the figures."""

from __future__ import annotations

from statistics import median

from tests.browser.conftest import Visit

MOST_BYTES = 60_000
SOON_ENOUGH = 300.0
"""Milliseconds to the first paint."""
VISITS = 5

_SIZES = """() => performance.getEntries()
    .filter((entry) => ["navigation", "resource"].includes(entry.entryType))
    .map((entry) => [entry.name, entry.transferSize])"""
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def test_the_page_is_light_and_seen_at_once(visit: Visit) -> None:
    studio = visit()
    sizes = dict(studio.page.evaluate(_SIZES))
    paints = []
    for _ in range(VISITS):
        studio.page.reload()
        paints.append(studio.until(lambda: studio.page.evaluate(_FIRST_PAINT)))
    # What others made in this service meanwhile, and its pictures, are no part of the page.
    own = [size for name, size in sizes.items() if "/lipsync" not in name]
    print(f"\n{sum(own):,} bytes in {len(own)} answers, headers counted")
    print(f"first paint {median(paints):.0f} ms (median of {VISITS}), {max(paints):.0f} at most")
    assert len(own) > 25
    assert sum(own) <= MOST_BYTES
    assert min(paints) <= SOON_ENOUGH
