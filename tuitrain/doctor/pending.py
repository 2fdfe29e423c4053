"""Work in a thread that nobody has to wait for, not even at the program's end."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Pending(Generic[T]):
    """An answer that is being worked out."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Begin to work it out."""
        self._outcome: queue.SimpleQueue[Callable[[], T]] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def get(self, limit_s: float) -> T:
        """Return the answer, once.

        Raises:
            TimeoutError: It takes longer than `limit_s` from now.
            Exception: Whatever the work raised.
        """
        try:
            outcome = self._outcome.get(timeout=max(0.0, limit_s))
        except queue.Empty:
            raise TimeoutError from None
        return outcome()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            answer = work()
        except Exception as error:  # noqa: BLE001 - raised again where it is asked for
            failure = error

            def fail() -> T:
                raise failure

            self._outcome.put(fail)
        else:
            self._outcome.put(lambda: answer)
