"""Keeps both cores busy, and everything in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PAINTERS = 2
_AHEAD = 3  # jobs under way or done before their turn: more would only hold more frames in memory


def in_order(jobs: Iterable[Callable[[], Result]]) -> Iterator[Result]:
    """What each job returns, first job first, a few of them worked on at once.

    Threads are enough: OpenCV and NumPy let go of the interpreter while they work on a frame.
    """
    with ThreadPoolExecutor(_PAINTERS, thread_name_prefix="painter") as painters:
        waiting: deque[Future[Result]] = deque()
        try:
            for job in jobs:
                waiting.append(painters.submit(job))
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            painters.shutdown(wait=True, cancel_futures=True)


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each fetched in another thread while the one before is being used."""
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
        coming = reader.submit(_up_to_one, source)
        while item := coming.result():
            coming = reader.submit(_up_to_one, source)
            yield item[0]


def _up_to_one(source: Iterator[Item]) -> list[Item]:
    return list(islice(source, 1))
