"""OCR in processes of its own, several pages at a time.

The pool starts a worker when the first page needs one, replaces a worker that dies or hangs, and
gives each page's result as a future. It knows nothing of what the workers do with the pixels.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

from ingest.errors import DamagedFile, LimitExceeded, ReadError
from ingest.guest.frames import FrameError, encode
from ingest.guest.guest import GuestDied, GuestTimedOut, SpawnedGuest
from ingest.guest.hardening import clean_environment
from ingest.guest.limits import Limits
from ingest.guest.report import error_from_wire
from ingest.guest.wire import WireError, page_from_wire
from ingest.types import Page, PageImage

_START = "import sys; sys.path[:] = {path!r}; from ingest.ocr.worker import main; main({threads})"
_SECONDS_TO_START = 120.0
_MAX_REPLY_BODY = 0

_Job = tuple[PageImage, "Future[Page]"]


def default_workers() -> int:
    """One worker for each processor this process may use, at most four."""
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, min(4, count))


class OcrPool:
    """``workers`` processes with ``threads`` threads each; each takes 500 to 700 MB.

    ``limits.ocr_seconds`` is what one page may take. Safe to use from several threads.
    """

    def __init__(
        self, workers: int | None = None, threads: int = 1, limits: Limits | None = None
    ) -> None:
        self._count = default_workers() if workers is None else max(1, workers)
        self._threads = threads
        self._limits = limits or Limits()
        # Bounded: pictures are large, and a reader can always be faster than the networks.
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=self._count)
        self._lock = threading.Lock()
        self._keepers: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._stopped = False
        self._workers: set[SpawnedGuest] = set()

    def submit(self, image: PageImage) -> Future[Page]:
        """The text of ``image``, to come. Waits while as many pages as workers are queued.

        The future fails with a `ReadError` when its worker crashes or takes too long.

        Raises:
            RuntimeError: the pool is closed.
        """
        future: Future[Page] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the OCR pool is closed")
            if len(self._keepers) < self._count and self._idle <= self._jobs.qsize():
                keeper = threading.Thread(target=self._keep, name="ocr", daemon=True)
                self._keepers.append(keeper)
                keeper.start()
        self._jobs.put((image, future))
        return future

    def close(self) -> None:
        """Finishes the pages that were submitted and ends the workers. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for _ in self._keepers:
            self._jobs.put(None)
        for keeper in self._keepers:
            keeper.join()

    def stop(self) -> None:
        """Ends the workers at once; the futures of unfinished pages fail or are cancelled."""
        with self._lock:
            self._closed = self._stopped = True
            workers = list(self._workers)
        for worker in workers:
            worker.kill()
        for _ in self._keepers:
            self._jobs.put(None)
        for keeper in self._keepers:
            keeper.join()
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            if job is not None:
                job[1].cancel()

    def __enter__(self) -> OcrPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self) -> None:
        """One thread for each worker: hands it jobs, and a new worker takes a dead one's place."""
        worker: SpawnedGuest | None = None
        try:
            while True:
                with self._lock:
                    self._idle += 1
                job = self._jobs.get()
                with self._lock:
                    self._idle -= 1
                if job is None:
                    return
                image, future = job
                if self._stopped:
                    future.cancel()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    if worker is None:
                        worker = self._start()
                    page = self._ask(worker, image)
                except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the page
                    if worker is not None:
                        self._end(worker)
                        worker = None
                    future.set_exception(_explained(error, image))
                else:
                    future.set_result(page)
        finally:
            if worker is not None:
                self._end(worker)

    def _start(self) -> SpawnedGuest:
        worker = _spawn(self._threads)
        with self._lock:
            self._workers.add(worker)
            if self._stopped:
                worker.kill()
        try:
            # Loading the models takes a second or two, in which `stop` can kill it already.
            worker.receive(_SECONDS_TO_START, _MAX_REPLY_BODY)
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: SpawnedGuest) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def _ask(self, worker: SpawnedGuest, image: PageImage) -> Page:
        rows, columns = image.pixels.shape[:2]
        request = {
            "number": image.number,
            "width": image.width,
            "height": image.height,
            "rows": rows,
            "columns": columns,
        }
        pixels = image.pixels.tobytes()
        worker.write(encode(request, len(pixels)))
        worker.write(pixels)
        reply, _ = worker.receive(self._limits.ocr_seconds, _MAX_REPLY_BODY)
        if reply.get("kind") == "error":
            raise error_from_wire(reply, f"Page {image.number}")
        return page_from_wire(reply.get("page"), self._limits)


def _spawn(threads: int) -> SpawnedGuest:
    root = str(Path(__file__).resolve().parents[2])
    path = [root, *(entry for entry in sys.path if entry and entry != root)]
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _START.format(path=path, threads=threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    return SpawnedGuest(process)


def _explained(error: Exception, image: PageImage) -> ReadError:
    page = f"Page {image.number}"
    if isinstance(error, ReadError):
        return error
    if isinstance(error, GuestTimedOut):
        failure: ReadError = LimitExceeded(
            page, "Reading its picture took too long.", "Scan it again at a lower resolution."
        )
    elif isinstance(error, GuestDied | FrameError | WireError):
        failure = DamagedFile(
            page, f"The OCR gave up on its picture ({error}).", "Scan the page again."
        )
    else:
        failure = DamagedFile(
            page,
            f"The OCR could not be run ({type(error).__name__}: {error}).",
            "Check the installation (muniment doctor).",
        )
    failure.__cause__ = error
    return failure
