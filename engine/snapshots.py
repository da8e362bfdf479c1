"""Documents that stay read: a cache's state goes to disk and comes back. Knows no tokens' meaning.

A snapshot file belongs to an owner, a model, a layout of the cache and a beginning of the text. It
holds *checkpoints*, so far apart that the file is at most about twice as large as it has to be, and
one at the end of what is kept: each names a position and the hash of all tokens before it. What is
stored for good (``history``) is written once; the rest (``tail``) with every checkpoint. A prompt
that shares only a beginning with one read before goes on from the last checkpoint they share.

What is restored is what was stored, to the bit. A file that is damaged is deleted and the document
read again, and the reader is told.
"""

import array
import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterator
from types import TracebackType

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from engine.cache import KVCache
from engine.options import SnapshotPlace
from engine.snapshot_folder import DamagedSnapshot, SnapshotFile, SnapshotFolder
from engine.widths import CODEC_VERSION, LEARN

HISTORY, TAIL, CHECKPOINT = 1, 2, 3
# Positions between checkpoints, at least, and positions whose history is in one record, at most.
LEAST_DISTANCE = 8192
# Fewer positions than these are not worth a write when reading is cut short.
WORTH_KEEPING = 2048
# Bytes of tensors in one record, about: what saving takes of memory.
_RECORD_BYTES = 32 << 20
_SPAN = struct.Struct("<QQ")
# Raised when the same bytes mean something else.
_FORMAT = 1
_DAMAGED = "What was kept of this document was damaged. It was deleted; the document is read again."
_NOT_KEPT = "What has been read of this document is not kept for the next time. "


class Snapshots:
    """A model's snapshots in a folder. ``model`` tells it from others, weights' widths included."""

    def __init__(self, place: SnapshotPlace, model: str, cache: KVCache) -> None:
        self._folder = SnapshotFolder(place)
        self._cache = cache
        identity = json.dumps([_FORMAT, CODEC_VERSION, model, *cache.layout])
        self._identity = hashlib.sha256(identity.encode()).digest()

    def begin(self, owner: str, ids: list[int], whole: Callable[[int], int] = int) -> "Reading":
        """Before a prompt is read that begins with ``ids``, which are to be kept.

        ``whole`` moves a position that would cut an image in two to where that begins.
        """
        return Reading(self._folder, self._cache, owner, ids, self._identity, whole)


class Reading:
    """One reading of what is to be kept of a prompt: what there is of it, and what is added.

    ``end`` is the position after it, 0 where nothing can be kept. A context: left in the middle, as
    by a cancelled answer, it keeps what has been read.
    """

    def __init__(
        self,
        folder: SnapshotFolder,
        cache: KVCache,
        owner: str,
        ids: list[int],
        identity: bytes,
        whole: Callable[[int], int],
    ) -> None:
        self._folder, self._cache, self._ids = folder, cache, array.array("q", ids)
        self._whole, self._stop = whole, 0
        self._owner = owner
        self._path = folder.path(owner, identity + self._hash(min(LEARN, len(ids))))
        self._file: SnapshotFile | None = None
        self._note = ""
        # Those of the file that this text passes, in order: (position, records up to it).
        self._checkpoints: list[tuple[int, int]] = []
        tail, history = cache.snapshot_nbytes()
        self._distance = max(LEAST_DISTANCE, math.ceil(tail / history / 512) * 512)
        # Before the statistics of coded layers stand, a cache cannot be told in parts.
        self.end = len(ids) if len(ids) >= LEARN else 0
        if self.end:
            self._open()

    def __enter__(self) -> "Reading":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        position = self._cache.length
        cut_short = kind is GeneratorExit and LEARN <= position < self.end
        if cut_short and position - self.longest >= WORTH_KEEPING:
            self._save(position)
        if self._file:
            self._file.close()

    @property
    def longest(self) -> int:
        """How many tokens of this text are on disk."""
        return self._checkpoints[-1][0] if self._checkpoints else 0

    def stop_after(self, first: int) -> int:
        """Where reading on from ``first`` stops for the next checkpoint, if any is to come."""
        step = first // self._distance + 1
        # Where an image lies across one, it moves back; perhaps too far.
        while (stop := self._whole(max(LEARN, step * self._distance))) < max(LEARN, first + 1):
            step += 1
        # One shortly before the end would cost as much and save little.
        if stop > self.end - self._distance // 2:
            stop = self.end
        self._stop = stop if stop > first else 1 << 62
        return self._stop

    def save_at(self, position: int) -> str:
        """Saves the cache, which holds ``position`` tokens, if that is due.

        Gives what a person should know, each thing once.
        """
        due = position in (self._stop, self.end)
        if due and max(LEARN, self.longest + 1) <= position <= self.end:
            self._save(position)
        note, self._note = self._note, ""
        return note

    def restore(self) -> int:
        """Fills the cache up to the longest checkpoint.

        Gives its position; 0 if the file is damaged, which is deleted then and the cache empty.
        """
        assert self._file
        position, last = self._checkpoints[-1]
        begun = self._checkpoints[-2][1] if len(self._checkpoints) > 1 else 0
        try:
            self._cache.stand(position)
            missing = self._cache.tail(position)
            for index, record in enumerate(self._file.records[:last]):
                if record.kind == HISTORY:
                    content = self._file.read(index)
                    span = _SPAN.unpack_from(content)
                    _fill(self._cache.history(*span), content[_SPAN.size :])
                elif record.kind == TAIL and index >= begun:
                    missing = _fill(missing, self._file.read(index))
            if missing:
                raise DamagedSnapshot("a part of the tail is missing")
            self._folder.touch(self._path)
        except (DamagedSnapshot, OSError):
            self._cache.clear()
            self._begin_anew()
            return 0
        return position

    def _open(self) -> None:
        try:
            self._file = self._folder.open(self._path, self._owner)
            for index, record in enumerate(self._file.records):
                if record.kind != CHECKPOINT:
                    continue
                found = json.loads(self._file.read(index))
                position = found["position"]
                if position > self.end or self._hash(position).hex() != found["tokens"]:
                    break
                self._checkpoints.append((position, index + 1))
        except DamagedSnapshot:
            self._begin_anew()
        except OSError as error:
            self._give_up(error)

    def _begin_anew(self) -> None:
        self._note = _DAMAGED
        self._checkpoints = []
        try:
            if self._file:
                self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = self._folder.open(self._path, self._owner)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, why: OSError | str) -> None:
        """Nothing more is kept; what is there stays, and a half-written rest of it is no record."""
        if isinstance(why, OSError):
            why = f"Its folder cannot be written ({why.strerror or why})."
        self._note = f"{self._note} {_NOT_KEPT}{why}".strip()
        if self._file:
            self._file.close()
        self._file, self.end = None, 0

    def _save(self, position: int) -> None:
        assert self._file
        tail, history = self._cache.snapshot_nbytes()
        needed = int(tail + history * (position - self.longest)) + (1 << 20)
        try:
            if problem := self._folder.make_room(needed, self._path):
                self._give_up(problem)
                return
            self._file.truncate(self._checkpoints[-1][1] if self._checkpoints else 0)
            for before in range(self.longest, position, LEAST_DISTANCE):
                after = min(before + LEAST_DISTANCE, position)
                for part in _records(self._cache.history(before, after)):
                    self._file.append(HISTORY, _SPAN.pack(before, after) + part)
            for part in _records(self._cache.tail(position)):
                self._file.append(TAIL, part)
            checkpoint = {"position": position, "tokens": self._hash(position).hex()}
            self._file.append(CHECKPOINT, json.dumps(checkpoint).encode())
            self._file.sync()
        except OSError as error:
            self._give_up(error)
            return
        self._checkpoints.append((position, len(self._file.records)))

    def _hash(self, position: int) -> bytes:
        """Of the first tokens of the text."""
        return hashlib.sha256(self._ids[:position].tobytes()).digest()


def _records(views: dict[str, torch.Tensor]) -> Iterator[bytes]:
    """The tensors as safetensors, in pieces of bounded size."""
    piece: dict[str, torch.Tensor] = {}
    size = 0
    for name, view in views.items():
        if piece and size + view.nbytes > _RECORD_BYTES:
            yield save_tensors(piece)
            piece, size = {}, 0
        piece[name] = view.cpu().contiguous()
        size += view.nbytes
    if piece:
        yield save_tensors(piece)


def _fill(views: dict[str, torch.Tensor], content: bytes) -> dict[str, torch.Tensor]:
    """Copies stored tensors into the views of their names; gives the views that are left."""
    found = load_tensors(content)
    for name, tensor in found.items():
        view = views.get(name)
        if view is None or view.shape != tensor.shape or view.dtype != tensor.dtype:
            raise DamagedSnapshot(f"{name} is not what is kept there")
        view.copy_(tensor)
    return {name: view for name, view in views.items() if name not in found}
