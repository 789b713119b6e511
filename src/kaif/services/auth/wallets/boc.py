"""TON's bags of cells, so far as a wallet's initial state needs them: ordinary cells, few and small.

Cells refer only to those behind them, so that hashes are made from the last to the first, without recursion.
The layout is that of `serialized_boc` in TON's crypto/tl/boc.tlb.
"""

import hashlib

import msgspec

CELLS_MAX = 64
DEPTH_MAX = 512
_MAGIC = bytes.fromhex("b5ee9c72")
_REFERENCES_MAX = 4


class Cell(msgspec.Struct, frozen=True):
    """`data` ends with a one and zeros where `bits` is no whole number of bytes."""

    data: bytes
    bits: int
    references: list["Cell"]
    depth: int
    hash: bytes

    def number(self, at: int, bits: int) -> int:
        """The bits from that place on. Raises ValueError when there are fewer."""
        if at + bits > self.bits:
            raise ValueError("the cell ends before")
        return int.from_bytes(self.data, "big") >> (len(self.data) * 8 - at - bits) & ((1 << bits) - 1)


class Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def bytes(self, count: int) -> bytes:
        """Raises ValueError when there are fewer."""
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("the bag ends before")
        self._at += count
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.bytes(size), "big")

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def root_of(bag: bytes) -> Cell:
    """The only root. Raises ValueError for whatever else a bag may hold, or when it is none."""
    reader = Reader(bag)
    if reader.bytes(4) != _MAGIC:
        raise ValueError("no bag of cells")
    flags = reader.number(1)
    has_index, has_checksum, size = flags >> 7 & 1, flags >> 6 & 1, flags & 7
    offset_bytes = reader.number(1)
    if flags >> 3 & 3 or not 1 <= size <= 4 or not 1 <= offset_bytes <= 8:
        raise ValueError("unknown flags")
    count, roots, absent, _ = reader.number(size), reader.number(size), reader.number(size), reader.number(offset_bytes)
    if not 1 <= count <= CELLS_MAX or roots != 1 or absent or reader.number(size) != 0:
        raise ValueError("not one root with a few cells")
    if has_index:
        reader.bytes(count * offset_bytes)
    raw = [_raw_cell(reader, size, index, count) for index in range(count)]
    # The checksum is of the wire alone: what the cells are is in their hash.
    if reader.left != 4 * has_checksum:
        raise ValueError("something follows")
    cells: dict[int, Cell] = {}
    for index in reversed(range(count)):
        descriptor, data, references = raw[index]
        cells[index] = _cell(descriptor, data, [cells[reference] for reference in references])
    return cells[0]


def _raw_cell(reader: Reader, size: int, index: int, count: int) -> tuple[bytes, bytes, list[int]]:
    """Its two descriptors, its data and where its references are."""
    descriptor = reader.bytes(2)
    # A level, stored hashes and exotic cells are of proofs, which are not wanted here.
    if descriptor[0] > _REFERENCES_MAX:
        raise ValueError("no ordinary cell")
    data = reader.bytes((descriptor[1] + 1) // 2)
    references = [reader.number(size) for _ in range(descriptor[0])]
    if not all(index < reference < count for reference in references):
        raise ValueError("a reference leads back, or nowhere")
    return descriptor, data, references


def _cell(descriptor: bytes, data: bytes, references: list[Cell]) -> Cell:
    bits = len(data) * 8
    if descriptor[1] % 2:
        if not data[-1] & 0x7F:
            raise ValueError("the data does not end as it must")
        # The last one of its bits ends the data, and does not belong to it.
        bits -= (data[-1] & -data[-1]).bit_length()
    depth = 1 + max(reference.depth for reference in references) if references else 0
    if depth > DEPTH_MAX:
        raise ValueError("too deep")
    parts = [descriptor, data, *[reference.depth.to_bytes(2, "big") for reference in references]]
    digest = hashlib.sha256(b"".join([*parts, *[reference.hash for reference in references]])).digest()
    return Cell(data, bits, references, depth, digest)
