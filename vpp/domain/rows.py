"""Figures of many resources in one array, read by resource id."""

from collections.abc import Iterator, Mapping, Sequence

from vpp.domain.flexibility import Series


class RowsById(Mapping[str, Series]):
    """A mapping from id to the row of ``matrix`` at the id's position; nothing is copied until it is asked for."""

    def __init__(self, ids: Sequence[str], matrix: Series) -> None:
        """``matrix`` has one row per id."""
        self._ids, self.matrix = ids, matrix
        self._position: dict[str, int] | None = None

    def __getitem__(self, name: str) -> Series:
        if self._position is None:
            self._position = {known: i for i, known in enumerate(self._ids)}
        row: Series = self.matrix[self._position[name]]
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


class CodesById(Mapping[str, str]):
    """A mapping from id to one of a few codes."""

    def __init__(self, ids: Sequence[str], codes: Sequence[str], code_of: Sequence[int]) -> None:
        """``code_of`` has the position in ``codes`` per id."""
        self._ids, self._codes, self._code_of = ids, codes, code_of
        self._position: dict[str, int] | None = None

    def __getitem__(self, name: str) -> str:
        if self._position is None:
            self._position = {known: i for i, known in enumerate(self._ids)}
        return self._codes[self._code_of[self._position[name]]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)
