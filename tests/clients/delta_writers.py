"""deltalake: four processes append to one table at once, each commit a put that must find nothing there."""

import multiprocessing

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable, QueryBuilder, write_deltalake

TABLE = "s3://out/appended"
WRITERS = 4
ROUNDS = 5


def append(writer: int) -> None:
    for turn in range(ROUNDS):
        write_deltalake(TABLE, pa.table({"writer": [writer], "turn": [turn], "rows": [rows]}), mode="append")


rows = ds.dataset("s3://labresults/plates/", format="csv").to_table().num_rows
assert rows

if __name__ == "__main__":
    write_deltalake(TABLE, pa.table({"writer": [-1], "turn": [-1], "rows": [rows]}))
    writers = [multiprocessing.get_context("spawn").Process(target=append, args=(each,)) for each in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS

    table = DeltaTable(TABLE)
    found = pa.table(
        QueryBuilder().register("appended", table).execute("select * from appended").read_all()
    ).to_pylist()
    assert table.version() == WRITERS * ROUNDS
    assert len(found) == WRITERS * ROUNDS + 1
    assert {(row["writer"], row["turn"]) for row in found} == {
        (-1, -1),
        *((writer, turn) for writer in range(WRITERS) for turn in range(ROUNDS)),
    }
    print(*table.file_uris(), sep="\n")
