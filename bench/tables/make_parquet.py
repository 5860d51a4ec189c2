"""Writes a large Parquet file of comparisons without any library: make_parquet.py FILE [MEGABYTES].

One row group, however large the file is: that is the hard case for a reader, which must not hold a column of it in memory.
"""
import struct
import sys

PAGE = 1 << 20
COLUMNS = ("prompt", "chosen", "rejected")
WORDS = "the rain counts tiles of roof one by one and a penguin cannot fly over salty sea because rivers carry minerals into it".split()


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(value):
    return number(value << 1 if value >= 0 else (-value << 1) - 1)


class Struct:
    """Thrift's compact protocol: fields in the order of their numbers."""

    def __init__(self):
        self.out, self.last = bytearray(), 0

    def field(self, id, kind, data):
        self.out.append((id - self.last) << 4 | kind)
        self.out += data
        self.last = id
        return self

    def i32(self, id, value): return self.field(id, 5, integer(value))
    def i64(self, id, value): return self.field(id, 6, integer(value))
    def text(self, id, value): return self.field(id, 8, number(len(value)) + value.encode())
    def struct(self, id, value): return self.field(id, 12, value.bytes())
    def list(self, id, kind, items):
        head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + number(len(items))
        return self.field(id, 9, head + b"".join(items))
    def bytes(self): return bytes(self.out) + b"\0"


def text(column, row):
    # Different in every row and column, about 350 bytes.
    seed = row * 2654435761 + COLUMNS.index(column) * 40503
    words = []
    for _ in range(60):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        words.append(WORDS[(seed >> 16) % len(WORDS)])
    return f"{column} {row}: {' '.join(words)}.".encode()


def main(path, megabytes):
    rows = megabytes * 1_000_000 // 1_000
    with open(path, "wb") as file:
        file.write(b"PAR1")
        chunks = []
        for column in COLUMNS:
            start, page, values, at = file.tell(), bytearray(), 0, 0
            while at < rows or values:
                while at < rows and len(page) < PAGE:
                    value = text(column, at)
                    page += struct.pack("<i", len(value)) + value
                    values, at = values + 1, at + 1
                header = Struct().i32(1, 0).i32(2, len(page)).i32(3, len(page))
                header.struct(5, Struct().i32(1, values).i32(2, 0).i32(3, 3).i32(4, 3))
                file.write(header.bytes() + page)
                page, values = bytearray(), 0
            size = file.tell() - start
            meta = Struct().i32(1, 6).list(2, 5, [integer(0)]).list(3, 8, [number(len(column)) + column.encode()])
            meta.i32(4, 0).i64(5, rows).i64(6, size).i64(7, size).i64(9, start)
            chunks.append(Struct().i64(2, start).struct(3, meta).bytes())
        root = Struct().text(4, "schema").i32(5, len(COLUMNS)).bytes()
        schema = [root] + [Struct().i32(1, 6).i32(3, 0).text(4, name).i32(6, 0).bytes() for name in COLUMNS]
        group = Struct().list(1, 12, chunks).i64(2, file.tell()).i64(3, rows).bytes()
        footer = Struct().i32(1, 1).list(2, 12, schema).i64(3, rows).list(4, 12, [group]).bytes()
        file.write(footer + struct.pack("<i", len(footer)) + b"PAR1")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
