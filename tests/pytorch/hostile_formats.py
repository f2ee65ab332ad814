"""Files of numpy, joblib and torch.export that no library writes, and files in files."""

from __future__ import annotations

import io
import json
import pickle
import struct
from collections.abc import Mapping
from copy import copy
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile

from tests.pytorch.hostile_files import call, legacy, mapping, word


def npy(header: str, data: bytes = bytes(4), version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def described(shape: str, kind: str = "'<f4'", order: str = "False") -> str:
    return f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"


def packed(method: int = ZIP_STORED, **entries: bytes) -> bytearray:
    """A zip of arrays."""
    file = io.BytesIO()
    with ZipFile(file, "w", method) as target:
        for name, content in entries.items():
            target.writestr(f"{name}.npy", content)
    return bytearray(file.getvalue())


def claiming(offset: int, form: str, value: int) -> bytes:
    """An archive whose list of entries says something else."""
    content = packed(ZIP_DEFLATED, a=npy(described("(1,)")))
    struct.pack_into(form, content, content.index(b"PK\1\2") + offset, value)
    return bytes(content)


def overlapping() -> bytes:
    """One entry under many names."""
    file = io.BytesIO()
    with ZipFile(file, "w") as target:
        target.writestr("a.npy", npy(described("(1000,)"), bytes(4000)))
        for i in range(100):
            other = copy(target.filelist[0])
            other.filename = f"a{i}.npy"
            target.filelist.append(other)
    return file.getvalue()


def exported(config: str | Mapping[str, object]) -> bytes:
    """What torch.export.save writes, with one file of 64 bytes."""
    file = io.BytesIO()
    text = config if isinstance(config, str) else json.dumps({"config": {"a": config}})
    with ZipFile(file, "w") as target:
        target.writestr("m/data/weights/model_weights_config.json", text)
        target.writestr("m/data/weights/weight_0", bytes(64))
    return file.getvalue()


def weight(**changes: object) -> dict[str, object]:
    meta = {"dtype": 7, "sizes": [{"as_int": 2}], "strides": [{"as_int": 1}]}
    meta |= {"storage_offset": {"as_int": 0}, **changes}
    return {"path_name": "weight_0", "use_pickle": False, "tensor_meta": meta}


def array(
    shape: bytes, dtype: bytes, data: bytes = word("aaaa"), order: bytes = word("<")
) -> bytes:
    """An array of numpy in a pickle."""
    maker = call("numpy.core.multiarray _reconstruct")
    kind = call("numpy dtype", dtype) + b"(K\3" + order + b"tb"
    return b"\x80\x02}" + word("w") + maker + b"(K\1" + shape + kind + b"\x89" + data + b"tbs."


def joblib_array(shape: bytes, dtype: bytes, after: bytes = bytes(4)) -> bytes:
    wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    state = word("shape") + shape + word("dtype") + call("numpy dtype", dtype) + b"ub"
    return b"\x80\x02}" + word("w") + wrapper + state + after + b"s."


def nested(content: bytes, times: int = 1) -> bytes:
    """Storages in the bytes of one file."""
    given = b"B" + struct.pack("<I", len(content)) + content
    loads = b"h\1" + b"h\2\x85R"
    return (
        b"\x80\x03]" + given + b"q\0q\2ctorch.storage\n_load_from_bytes\nq\1" + loads * times + b"."
    )


ONE = b"K\1\x85"
NESTED_PAIRS = b")" + b"2\x86" * 40
DEEP = b")" + b"\x85" * 5000
LARGE = b"\x8a\x08" + struct.pack("<q", 2**62)
BOMB = npy(described("(10000000,)"), bytes(40_000_000))
NONES = b"\x80\x02(" + b"N" * 10**6 + b"t."
INNER = legacy(mapping(), keys=())

ATTACKS: dict[str, tuple[bytes, str]] = {
    "npy-deep": (npy("{'descr': " + "[" * 5000), "header has no sizes"),
    "npy-digits": (npy(described(f"({'9' * 5000},)")), "impossible sizes"),
    "npy-negative": (npy(described("(-1,)")), "header has no sizes"),
    "npy-more": (npy(described("(2,)")), "more bytes than it has"),
    "npy-many": (npy(described("(" + "1," * 2000 + ")")), "impossible sizes"),
    "npy-none": (npy(described(f"(0, {2**62}, {2**62})")), "impossible sizes"),
    "npy-version": (npy(described("(1,)"), version=9), "version that numpy never had"),
    "npy-cut": (b"\x93NUMPY\1\0", "version that numpy never had"),
    "npy-records": (npy(described("(1,)", "[('a', '<f4')]")), "holds no tensors"),
    "npy-other-order": (npy(described("(1,)", "'>f4'")), "holds no tensors"),
    "npy-no-size": (npy(described("(1,)", "'<f3'")), "holds no tensors"),
    "npy-objects": (npy(described("(1,)", "'|O'"), b"junk"), "no pickle"),
    "npz-bomb": (bytes(packed(ZIP_DEFLATED, a=BOMB)), "more bytes than it has"),
    "npz-bombs": (
        bytes(packed(ZIP_DEFLATED, **{f"a{i}": BOMB[:4_000_000] for i in range(20)})),
        "more bytes than it has",
    ),
    "npz-claim": (claiming(24, "<I", 10**9), "more bytes than it has"),
    "npz-encrypted": (claiming(8, "<H", 1), "damaged"),
    "npz-patched": (claiming(8, "<H", 0x20), "damaged"),
    "npz-method": (claiming(10, "<H", 99), "compressed"),
    "npz-place": (claiming(42, "<I", 2**31), "damaged"),
    "npz-bzip2": (bytes(packed(ZIP_BZIP2, a=npy(described("(1,)")))), "compressed"),
    "npz-overlap": (overlapping(), "two entries in one place"),
    "array-text": (array(ONE, word("f4"), word("€")), "whose bytes are no bytes"),
    "array-pairs": (array(ONE, NESTED_PAIRS), "holds no tensors"),
    "array-deep": (array(ONE, DEEP), "holds no tensors"),
    "array-order": (array(ONE, word("f4"), order=NESTED_PAIRS), "holds no tensors"),
    "array-digits": (array(ONE, word("f" + "4" * 5000)), "holds no tensors"),
    "array-sizes": (array(b"(" + LARGE * 50_000 + b"t", word("f4")), "impossible sizes"),
    "array-shape": (array(b"(N" + ONE + b"t", word("f4")), "impossible sizes"),
    "joblib-text": (joblib_array(b"(" + word("a") + LARGE + b"t", word("f4")), "without its sizes"),
    "joblib-pairs": (joblib_array(ONE, NESTED_PAIRS), "without its sizes"),
    "joblib-negative": (joblib_array(b"(J\xff\xff\xff\xfft", word("f4")), "without its sizes"),
    "joblib-more": (joblib_array(b"(" + LARGE + b"t", word("f4")), "does not end"),
    "joblib-objects": (joblib_array(ONE, word("O8"), b"junk"), "no pickle"),
    "joblib-no-sizes": (b"\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b.", "no pickle"),
    "export-type": (exported(weight(dtype=99)), "no exported program"),
    "export-text": (exported(weight(dtype="x")), "no exported program"),
    "export-size": (exported(weight(sizes=[{"as_int": 10**30}])), "impossible sizes"),
    "export-fraction": (exported(weight(sizes=[{"as_int": 1.0}])), "impossible sizes"),
    "export-symbol": (exported(weight(sizes=[{"as_expr": "s0"}])), "no exported program"),
    "export-more": (exported(weight(sizes=[{"as_int": 99}])), "more bytes than it has"),
    "export-elsewhere": (exported({**weight(), "path_name": "../../x"}), "is missing"),
    "export-deep": (exported("[" * 10**6), "no exported program"),
    "export-digits": (exported('{"config": {"a": ' + "1" * 5000 + "}}"), "no exported program"),
    "export-list": (exported("[]"), "no exported program"),
    "nested-no-storage": (nested(NONES, 50), "a file inside a file"),
    "nested-twice": (nested(nested(nested(NONES))), "a file inside a file inside a file"),
    "bytes": (pickle.dumps({str(i): INNER + bytes([i, 46]) for i in range(9)}), "too many files"),
    "bytes-repeated": (
        b"\x80\x03](B" + struct.pack("<I", len(NONES)) + NONES + b"q\0" + b"h\0" * 7 + b"e.",
        "repeats too much",
    ),
}
