"""Pure work in a process of its own: what eats memory or time there, or dies of it, harms nobody else.

`python -m services.apart BYTES PARENT` is such a process. It reads a pickled (function, argument), writes a pickled
(error, result), and ends; it ends within a second of its parent, too. One for each piece of work costs a second to
start, and keeps no memory while there is nothing to do.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Protocol, TypeVar

A = TypeVar("A")
R = TypeVar("R")

#: Bytes of address space that the work may take. A plan for 30,000 people takes a quarter of it.
MEMORY = 2 * 2**30
#: Seconds that it may take, its start included. A plan for 30,000 people takes 15.
TIME = 300.0


class Failed(Exception):
    """The work in a process of its own failed, or its process did"""


class Apart(Protocol):
    """Calls a pure function with its one argument, somewhere."""

    def __call__(self, function: Callable[[A], R], argument: A, /) -> R: ...


def here(function: Callable[[A], R], argument: A) -> R:
    """In this thread: for tests and tools, which turn everything themselves."""
    return function(argument)


class Children:
    """In a child process for each call, until they are closed. Function, argument and result are pickled."""

    def __init__(self, memory: int = MEMORY, seconds: float = TIME):
        self.memory, self.seconds = memory, seconds
        self._running: set[Popen[bytes]] = set()
        self._changing = threading.Lock()
        self._closed = False

    def __call__(self, function: Callable[[A], R], argument: A) -> R:
        """Raises Failed with what the function raised, or with how its process ended."""
        with self._started() as child:
            try:
                reply, _ = child.communicate(pickle.dumps((function, argument)), self.seconds)
            except TimeoutExpired:
                raise Failed(f"{function.__name__} took longer than the {self.seconds:g} s it may take") from None
        if status := child.returncode:
            raise Failed(f"the process of {function.__name__} ended with status {status} (negative: by that signal)")
        error, result = pickle.loads(reply)
        if error is not None:
            raise Failed(f"{function.__name__}: {error}")
        return result  # type: ignore[no-any-return]

    @contextmanager
    def _started(self) -> Iterator[Popen[bytes]]:
        with self._changing:
            if self._closed:
                raise Failed("this process is stopping")
            command = [sys.executable, "-m", __name__, str(self.memory), str(os.getpid())]
            child = Popen(command, stdin=PIPE, stdout=PIPE)
            self._running.add(child)
        try:
            with child:
                try:
                    yield child
                finally:
                    child.kill()
        finally:
            with self._changing:
                self._running.discard(child)

    def close(self) -> None:
        """End what runs; its callers get Failed."""
        with self._changing:
            self._closed = True
            for child in self._running:
                child.kill()


def _serve(memory: int, parent: int) -> None:
    """Do one piece of work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; when to end is the parent's to say
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the work prints is not its answer
    try:
        function, argument = pickle.load(sys.stdin.buffer)
        reply = pickle.dumps((None, function(argument)))
    except MemoryError:
        reply = pickle.dumps((f"needs more than the {memory // 2**20} MiB of memory it may take", None))
    except Exception as error:
        reply = pickle.dumps((repr(error), None))
    with open(answers, "wb") as out:
        out.write(reply)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    _serve(*map(int, sys.argv[1:]))
