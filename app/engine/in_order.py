"""Runs jobs on both cores and hands their results on in the order of the jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

_PAINTERS = 2
_AHEAD = 4  # jobs under way or done before their turn: more would only hold more frames in memory


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
