"""Parquet rows, a small batch at a time."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from grader.errors import Fault, FileFaultsError
from grader.load.faults import shown
from grader.load.rows import Columns, Row, missing_columns
from grader.load.sources import Source, refuse

MAX_UNZIPPED_BYTES = 2_000_000_000
MAX_ROW_GROUP_BYTES = 2_000_000_000

# A dictionary-encoded column repeats one long text for next to nothing on disk; few rows at a time keep it small.
_BATCH_ROWS = 128
_CHUNK_BYTES = 1_000_000


def parquet_rows(source: Source, columns: Columns) -> Iterator[Row]:
    """Read rows in order; their numbers count from 1.

    Raises:
        FileFaultsError: The file is not Parquet or lacks a column, or breaks off.
    """
    with ExitStack() as stack:
        seekable = stack.enter_context(_seekable(source))
        with _damage_as_fault(source.name, None):
            table = stack.enter_context(pq.ParquetFile(seekable))
        names = table.schema_arrow.names
        if missing := missing_columns(names, columns):
            refuse(source.name, f"lacks the columns {missing}; got {shown(', '.join(names))}")
        if len(set(names)) < len(names):
            refuse(source.name, f"repeats a column; got {shown(', '.join(names))}")
        groups = (table.metadata.row_group(index) for index in range(table.metadata.num_row_groups))
        if any(group.total_byte_size > MAX_ROW_GROUP_BYTES for group in groups):
            refuse(source.name, f"a row group is larger than {MAX_ROW_GROUP_BYTES:,} bytes: write smaller ones")
        yield from _table_rows(source.name, table)


def _table_rows(name: str, table: pq.ParquetFile) -> Iterator[Row]:
    number = 1
    batches = table.iter_batches(batch_size=_BATCH_ROWS)
    while True:
        with _damage_as_fault(name, number):
            batch = next(batches, None)
        if batch is None:
            return
        for index in range(batch.num_rows):
            yield _row(name, number, batch, index)
            number += 1


def _row(name: str, number: int, batch: pa.RecordBatch, index: int) -> Row:
    fields: dict[str, object] = {}
    problem = ""
    for column in batch.schema.names:
        try:
            fields[column] = batch.column(column)[index].as_py()
        except (ValueError, pa.ArrowException, OverflowError) as error:
            problem = f"{shown(column)} cannot be read: {error}"
    return Row(name, number, fields, problem, unit="row")


@contextmanager
def _seekable(source: Source) -> Iterator[IO[bytes] | io.BufferedReader]:
    """Give Parquet a file that it can seek in: gzip and standard input go through a temporary one."""
    if isinstance(source.stream, io.BufferedReader) and source.stream.seekable():
        yield source.stream
        return
    with tempfile.TemporaryFile() as copy:
        while chunk := source.stream.read(_CHUNK_BYTES):
            copy.write(chunk)
            if copy.tell() > MAX_UNZIPPED_BYTES:
                refuse(source.name, f"holds more than {MAX_UNZIPPED_BYTES:,} bytes")
        copy.seek(0)
        yield copy


@contextmanager
def _damage_as_fault(name: str, row: int | None) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileFaultsError((Fault(name, row, "", f"is not Parquet that can be read: {reason}"),)) from error
