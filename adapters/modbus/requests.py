"""Which requests read which registers: as few as the devices allow, no value ever split over two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from adapters.kit.driver import Indices
from adapters.modbus.layout import DeviceGroup
from adapters.modbus.map_file import Table

MOST_BITS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Neighbouring fields of one device that are read together.

    Attributes:
        row: Of the device in its group.
        parts: ``(address, columns)`` of each field, ``columns`` its place in the group's image.
    """

    row: int
    start: int
    end: int
    parts: tuple[tuple[int, range], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """One request, and where each register of its answer goes.

    Attributes:
        rows: Rows of the group that it reads something of.
        source: Positions in the answer.
        target: Flat positions in the group's image, of the same shape.
    """

    group: DeviceGroup
    table: Table
    unit: int
    start: int
    count: int
    pieces: tuple[Piece, ...]
    rows: Indices
    source: Indices
    target: Indices

    def store(self, values: np.ndarray) -> None:
        """Keeps an answer of ``count`` registers (or bits)."""
        image = self.group.bits if self.table.of_bits else self.group.words
        image.reshape(-1)[self.target] = values[self.source]

    def one_by_one(self) -> "list[ReadRequest]":
        """The same, each device on its own: one that the server does not know must not hide its neighbours."""
        if len(self.rows) == 1:
            return [self]
        return [_request(self.group, self.table, self.unit, [piece]) for piece in self.pieces]


def plan_reads(group: DeviceGroup, names: Iterable[str], rows: Sequence[int]) -> list[ReadRequest]:
    """Requests for the named fields of some rows, in order of unit, table and address."""
    rules = group.register_map.reading
    requests: list[ReadRequest] = []
    by_table: dict[Table, list[str]] = {}
    for name in names:
        by_table.setdefault(group.register_map.fields[name].function, []).append(name)
    for table, fields in by_table.items():
        most = MOST_BITS if table.of_bits else rules.max_registers
        gap = max(rules.max_gap, group.register_map.stride.get(table, 0))
        units: dict[int, list[Piece]] = {}
        for row in rows:
            units.setdefault(group.points[row].unit, []).extend(_pieces(group, table, fields, row, (most, gap)))
        for unit, pieces in units.items():
            requests += _merged(group, table, unit, sorted(pieces, key=lambda piece: piece.start), (most, gap))
    return requests


def _pieces(group: DeviceGroup, table: Table, fields: list[str], row: int, limits: tuple[int, int]) -> list[Piece]:
    most, gap = limits
    base = group.points[row].bases[table]
    placed = []
    for name in fields:
        one = group.register_map.fields[name]
        column = group.columns[name]
        placed.append((base + (one.address or 0), range(column, column + one.type.words)))
    pieces: list[Piece] = []
    for start, columns in sorted(placed, key=lambda part: part[0]):
        end = start + len(columns)
        last = pieces[-1] if pieces else None
        if last is not None and start - last.end <= gap and max(end, last.end) - last.start <= most:
            pieces[-1] = Piece(row, last.start, max(end, last.end), (*last.parts, (start, columns)))
        else:
            pieces.append(Piece(row, start, end, ((start, columns),)))
    return pieces


def _merged(
    group: DeviceGroup, table: Table, unit: int, pieces: list[Piece], limits: tuple[int, int]
) -> list[ReadRequest]:
    most, gap = limits
    runs: list[list[Piece]] = []
    end = 0
    for piece in pieces:
        fits = runs and piece.start - end <= gap and max(piece.end, end) - runs[-1][0].start <= most
        if fits:
            runs[-1].append(piece)
            end = max(end, piece.end)
        else:
            runs.append([piece])
            end = piece.end
    return [_request(group, table, unit, run) for run in runs]


def _request(group: DeviceGroup, table: Table, unit: int, run: list[Piece]) -> ReadRequest:
    start, end = run[0].start, max(piece.end for piece in run)
    width = (group.bits if table.of_bits else group.words).shape[1]
    source: list[int] = []
    target: list[int] = []
    for piece in run:
        for address, columns in piece.parts:
            source += range(address - start, address - start + len(columns))
            target += (piece.row * width + column for column in columns)
    return ReadRequest(
        group,
        table,
        unit,
        start,
        end - start,
        tuple(run),
        np.array(sorted({piece.row for piece in run}), dtype=np.int64),
        np.array(source, dtype=np.int64),
        np.array(target, dtype=np.int64),
    )
