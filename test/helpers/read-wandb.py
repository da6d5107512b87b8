"""Reads a W&B run file by its documented format, apart from the writer: prints one JSON line a record. `read-wandb.py FILE`."""
import json
import struct
import sys
import zlib

BLOCK = 32768


def records(data):
    ident, magic, version = struct.unpack_from("<4sHB", data, 0)
    assert ident == b":W&B" and magic == 0xBEE1 and version == 0, "header"
    position, parts = 7, []
    while position < len(data):
        left = BLOCK - position % BLOCK
        if left < 7:
            assert data[position:position + left] == bytes(left), "trailer"
            position += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, position)
        body = data[position + 7:position + 7 + length]
        assert len(body) == length and 7 + length <= left, "length"
        assert zlib.crc32(bytes([kind]) + body) == checksum, "checksum"
        assert (kind in (1, 2)) == (not parts), "order"
        parts.append(body)
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []
        position += 7 + length
    assert not parts, "unfinished"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    at, found = 0, {}
    while at < len(data):
        head, at = varint(data, at)
        if head & 7 == 0:
            value, at = varint(data, at)
        else:
            assert head & 7 == 2, "wire type"
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "field"
        found.setdefault(head >> 3, []).append(value)
    return found


def items(data, tag):
    pairs = [fields(item) for item in fields(data).get(tag, [])]
    return {pair[1][0].decode(): json.loads(pair[16][0]) for pair in pairs}


for number, record in enumerate(records(open(sys.argv[1], "rb").read()), 1):
    found = fields(record)
    assert found[1] == [number], "num"
    (kind,) = set(found) - {1}
    body = found[kind][0]
    if kind == 2:
        shown = {"history": items(body, 1), "step": fields(fields(body)[2][0]).get(1, [0])[0]}
    elif kind == 3:
        shown = {"summary": items(body, 1)}
    elif kind == 17:
        run = fields(body)
        text = lambda tag: run.get(tag, [b""])[0].decode()
        seconds = fields(run[17][0])[1][0]
        shown = {"run": text(1), "project": text(3), "jobType": text(7), "name": text(8), "config": items(run[4][0], 1), "seconds": seconds}
    elif kind == 18:
        shown = {"exit": fields(body).get(1, [0])[0], "runtime": fields(body).get(2, [0])[0]}
    else:
        shown = {20: "final", 21: "header", 22: "footer"}[kind]
    print(json.dumps(shown))
