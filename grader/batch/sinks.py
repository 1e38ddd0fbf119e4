"""Writers of grade records: JSON Lines, CSV and Parquet, each from a stream of outcomes."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from grader.batch.atomic import replace_atomically
from grader.cells import to_cells
from grader.errors import GraderError
from grader.records import ALL_FIELDS, Record, dump_json, to_record
from grader.schema import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["jsonl", "csv", "parquet"]
_FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet")
_ROWS_PER_GROUP = 10_000


def output_format(path: Path) -> Format:
    """Tell the format from a file's name.

    Raises:
        GraderError: The name does not end in .jsonl, .csv or .parquet; the first two may have .gz after it.
    """
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    for known in _FORMATS:
        if plain.endswith(f".{known}") and (known != "parquet" or plain == name):
            return known
    raise GraderError(f"{path}: the name must end in .jsonl, .csv (either may have .gz after it) or .parquet")


def write_grades(outcomes: Iterable[Outcome], target: Path) -> None:
    """Write every outcome, in order, to a file that appears only when complete.

    Args:
        outcomes: Consumed once; an error raised by it leaves nothing under the name.
        target: The name's ending decides the format; ``.gz`` compresses.

    Raises:
        GraderError: The name or the place cannot be used.
    """
    write = _WRITERS[output_format(target)]
    with replace_atomically(target) as temporary, temporary.open("wb") as file:
        if target.name.lower().endswith(".gz"):
            # no name and no time inside, so the same grades give the same bytes
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                write(outcomes, cast("BinaryIO", packed))
        else:
            write(outcomes, file)


def write_jsonl(outcomes: Iterable[Outcome], file: BinaryIO) -> None:
    """Write one JSON object a line, UTF-8."""
    file.writelines(dump_json(to_record(outcome)).encode() + b"\n" for outcome in outcomes)
    file.flush()


def _write_csv(outcomes: Iterable[Outcome], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(ALL_FIELDS)
        writer.writerows(to_cells(to_record(outcome)) for outcome in outcomes)
        text.flush()
    finally:
        text.detach()


def _write_parquet(outcomes: Iterable[Outcome], file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _parquet_schema()
    records = (cast("Record", _encodable(to_record(outcome))) for outcome in outcomes)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(records):
            writer.write_batch(pa.RecordBatch.from_pylist(group, schema=schema))


def _groups(records: Iterator[Record]) -> Iterator[list[Record]]:
    while group := list(islice(records, _ROWS_PER_GROUP)):
        yield group


def _parquet_schema() -> pa.Schema:
    import pyarrow as pa

    text, number, flag = pa.string(), pa.float64(), pa.bool_()
    evidence = pa.struct([("text", text), ("start", pa.int64()), ("end", pa.int64())])
    criterion = [("id", text), ("met", flag), ("points", number), ("probability", number), ("evidence", evidence)]
    misconception = [("id", text), ("probability", number), ("evidence", evidence)]
    types = dict.fromkeys(ALL_FIELDS, text)
    types |= dict.fromkeys(("points", "max_points", "score", "confidence"), number)
    types |= {"needs_review": flag, "criteria": pa.list_(pa.struct(criterion))}
    types |= {"misconceptions": pa.list_(pa.struct(misconception))}
    types |= {"judge": pa.struct([("name", text), ("status", text), ("reason", text)])}
    return pa.schema(list(types.items()))


def _encodable(value: object) -> object:
    """Replace lone surrogates, which UTF-8 columns cannot hold, in every text of a record."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value


_WRITERS: dict[Format, Callable[[Iterable[Outcome], BinaryIO], None]] = {
    "jsonl": write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
