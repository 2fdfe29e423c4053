"""Memory that Python keeps though nothing needs it, given back once in a while."""

import asyncio
import gc
from typing import Final

EVERY_S: Final = 20.0
"""What comes and goes in between, a connection or a look at the files, is all that waits."""


async def collect_for_good() -> None:
    """Collect all garbage every so often; runs until it is cancelled.

    A connection that was closed is a ring of objects in asyncio, and CPython's lists of
    free tuples take up to 2,000 of each length, 160 KiB of those with four. Python looks
    for such only once a quarter of its objects is new, which may take days here. What was
    loaded at the start is left out from now on, so that a look takes as long as the
    study is large: 500 trials of 20 series each, some 60 ms on a busy machine.
    """
    gc.collect()
    gc.freeze()
    while True:
        await asyncio.sleep(EVERY_S)
        gc.collect()
