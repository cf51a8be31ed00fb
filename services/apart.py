"""Pure work in a process of its own: what eats memory or time there, or dies of it, harms nobody else.

`python -m services.apart BYTES PARENT` is such a process. For each pickled (function, argument) that it reads it writes
a pickled (error, result), each after its length. It ends within a second of its parent, and by itself when it has been
idle for a while: a start costs a second of work, and an idle one keeps its memory.
"""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from subprocess import PIPE, Popen, TimeoutExpired
from typing import IO, Protocol, TypeVar

A = TypeVar("A")
R = TypeVar("R")

#: Bytes of address space that the work may take. A plan for 30,000 people takes a quarter of it.
MEMORY = 2 * 2**30
#: Seconds that it may take, a start included. A plan for 30,000 people takes 15.
TIME = 300.0
#: Seconds for which an idle process is given work, and after which it ends.
IDLE, END = 60.0, 70.0


class Failed(Exception):
    """The work in a process of its own failed, or its process did"""


class Apart(Protocol):
    """Calls a pure function with its one argument, somewhere."""

    def __call__(self, function: Callable[[A], R], argument: A, /) -> R: ...


def here(function: Callable[[A], R], argument: A) -> R:
    """In this thread: for tests and tools, which turn everything themselves."""
    return function(argument)


class Children:
    """In child processes, one for each call at a time, until they are closed. All that passes is pickled."""

    def __init__(self, memory: int = MEMORY, seconds: float = TIME):
        self.memory, self.seconds = memory, seconds
        #: Those without work, and since when.
        self._idle: list[tuple[Popen[bytes], float]] = []
        self._busy: set[Popen[bytes]] = set()
        self._changing = threading.Lock()
        self._closed = False

    def __call__(self, function: Callable[[A], R], argument: A) -> R:
        """Raises Failed with what the function raised, or with how its process ended."""
        child, late = self._taken(), threading.Event()

        def end() -> None:
            late.set()
            child.kill()

        limit = threading.Timer(self.seconds, end)
        limit.start()
        try:
            reply = _asked(child, pickle.dumps((function, argument)))
        finally:
            limit.cancel()
        if late.is_set():
            self._ended(child)
            raise Failed(f"{function.__name__} took longer than the {self.seconds:g} s it may take")
        if reply is None:
            status = self._ended(child)
            raise Failed(f"the process of {function.__name__} ended with status {status} (negative: by that signal)")
        self._given_back(child)
        error, result = pickle.loads(reply)
        if error is not None:
            raise Failed(f"{function.__name__}: {error}")
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """End what runs; its callers get Failed."""
        with self._changing:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in (*self._busy, *(child for child, _ in idle)):
                child.kill()
        for child, _ in idle:
            _let_go(child)

    def _taken(self) -> Popen[bytes]:
        """One that waits for work, or a new one."""
        with self._changing:
            if self._closed:
                raise Failed("this process is stopping")
            while self._idle:
                child, since = self._idle.pop()
                if child.poll() is None and time.monotonic() - since < IDLE:
                    break
                child.kill()
                _let_go(child)
            else:
                command = [sys.executable, "-m", __name__, str(self.memory), str(os.getpid())]
                child = Popen(command, stdin=PIPE, stdout=PIPE)
            self._busy.add(child)
            return child

    def _given_back(self, child: Popen[bytes]) -> None:
        with self._changing:
            self._busy.discard(child)
            if not self._closed:
                self._idle.append((child, time.monotonic()))
                return
        child.kill()
        _let_go(child)

    def _ended(self, child: Popen[bytes]) -> int:
        """The status of one that is of no more use."""
        with self._changing:
            self._busy.discard(child)
        return _let_go(child)


def _asked(child: Popen[bytes], question: bytes) -> bytes | None:
    """What a child answers; None when it ended instead."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        _write(child.stdin, question)
        return _read(child.stdout)
    except BrokenPipeError:
        return None


def _let_go(child: Popen[bytes]) -> int:
    """Wait until a child that is ending has ended; its status."""
    with child:
        try:
            return child.wait(5)
        except TimeoutExpired:
            child.kill()
            return child.wait()


def _write(to: IO[bytes], message: bytes) -> None:
    to.write(len(message).to_bytes(8, "big") + message)
    to.flush()


def _read(of: IO[bytes]) -> bytes | None:
    """The next message; None when there will be no whole one."""
    length = int.from_bytes(head, "big") if len(head := of.read(8)) == 8 else -1
    message = of.read(length) if length >= 0 else b""
    return message if len(message) == length else None


def _serve(memory: int, parent: int) -> None:
    """Do what comes, one piece of work at a time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; when to end is the parent's to say
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    answers = open(os.dup(sys.stdout.fileno()), "wb")  # noqa: SIM115
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the work prints is not its answer
    while select.select([sys.stdin], [], [], END)[0] and (work := _read(sys.stdin.buffer)) is not None:
        try:
            function, argument = pickle.loads(work)
            reply = pickle.dumps((None, function(argument)))
        except MemoryError:
            reply = pickle.dumps((f"needs more than the {memory // 2**20} MiB of memory it may take", None))
        except Exception as error:
            reply = pickle.dumps((repr(error), None))
        _write(answers, reply)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    _serve(*map(int, sys.argv[1:]))
