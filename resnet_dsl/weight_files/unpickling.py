"""A machine for pickles that imports nothing and calls nothing.

It follows the opcodes of all protocols. Numbers, texts, lists, tuples and dicts become what they
are; whatever names a class or a function becomes a `Record` of that name, with arguments and
state. `rebuilding` says which of these are tensors or dicts, by their names alone.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from resnet_dsl.weight_files.pickled import (
    add_items,
    attribute_of,
    global_name,
    rest_of_array,
    set_items,
)
from resnet_dsl.weight_files.rebuilding import rebuilt
from resnet_dsl.weight_files.streams import ViewStream
from resnet_dsl.weight_files.values import FormatError, GlobalName, Record

_VALUES: Final = tuple(
    """INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES
    SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT
    BINFLOAT""".split()  # noqa: SIM905
)
_SET: Final = GlobalName("builtins", "set")
_FROZENSET: Final = GlobalName("builtins", "frozenset")
_JOBLIB_ARRAY: Final = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
_NOTHING: Final = ("PROTO", "FRAME", "READONLY_BUFFER")
_STOP: Final = ord(".")
_LONGEST_REASON: Final = 200
_MADE: Final = 400_000
"""How many values without content a pickle may make, beside one for two of its bytes."""
_OF_RECORD: Final = 4
"""How many of these the memory of a record takes."""

Find: TypeAlias = Callable[[Any], object]


class Unpickler:
    """One pickle of a stream; `load` gives its value.

    `find` gives what a persistent id means, `nested` the storage in the bytes of an inner file.
    `calls` collects the names that the pickle would call and no rule knows. What a pickle makes of
    few bytes, or of what it repeats, is limited by its size.
    """

    def __init__(
        self,
        stream: ViewStream,
        *,
        find: Find | None = None,
        nested: Find | None = None,
    ) -> None:
        self.stream = stream
        self.find = find
        self.storage_in = nested
        self.values_left = _MADE + len(stream.view) // 2
        self.bytes_left = 2 * len(stream.view)  # text of Python 2 is made bytes, and those a file
        self.calls: dict[GlobalName, None] = {}
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: list[Any] = []

    def load(self) -> object:
        """The value of the pickle; `FormatError` where it is none."""
        stream: Any = self.stream
        try:
            with warnings.catch_warnings(action="ignore"):  # of escapes in texts
                while stream.position < len(stream.view):
                    code = stream.view[stream.position]
                    stream.position += 1
                    if code == _STOP:
                        return self._stack.pop()
                    if code not in _OPCODES:
                        raise FormatError(f"it is no pickle of weights: opcode {chr(code)!r}")
                    read, step = _OPCODES[code]
                    step(self, read(stream) if read else None)
        except (ValueError, LookupError, TypeError, OverflowError, AttributeError) as error:
            reason = str(error)[:_LONGEST_REASON]
            raise FormatError(f"it is no pickle: {reason}") from None
        raise FormatError("it is no pickle: it does not end")

    # ------------------------------------------------------------ the stack and the memo

    def push(self, arg: Any) -> None:
        self._stack.append(arg)

    def nothing(self, _: Any) -> None:
        pass

    def mark(self, _: Any) -> None:
        self.make(1)
        self._marked.append(self._stack)
        self._stack = []

    def marked(self) -> list[Any]:
        """What lies above the last mark."""
        items, self._stack = self._stack, self._marked.pop()
        return items

    def pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self.marked()

    def pop_mark(self, _: Any) -> None:
        self.marked()

    def dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def put(self, arg: Any) -> None:
        """Pickles count their memos from 0, or from 1 as Python 2 did."""
        place = int(arg)
        if not 0 <= place <= len(self._memo) + 1:
            raise FormatError("it is no pickle: a memo of such a number")
        while len(self._memo) <= place:
            self._memo.append(None)
        self._memo[place] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo.append(self._stack[-1])

    def get(self, arg: Any) -> None:
        place = int(arg)
        if place < 0:
            raise FormatError("it is no pickle: a memo of such a number")
        self._stack.append(self._memo[place])

    # ------------------------------------------------------------ containers

    def empty_list(self, _: Any) -> None:
        self.make(1)
        self._stack.append([])

    def empty_tuple(self, _: Any) -> None:
        self._stack.append(())

    def empty_dict(self, _: Any) -> None:
        self.make(1)
        self._stack.append({})

    def empty_set(self, _: Any) -> None:
        self._record(_SET)

    def list(self, _: Any) -> None:
        items = self.marked()
        self._stack.append(items)

    def tuple(self, _: Any) -> None:
        items = tuple(self.marked())
        self._stack.append(items)

    def tuple_of(self, count: int) -> None:
        self.make(1)
        items = tuple(self._stack[-count:])
        if len(items) < count:
            raise IndexError("too few values")
        del self._stack[-count:]
        self._stack.append(items)

    def dict(self, _: Any) -> None:
        items, value = self.marked(), dict[object, object]()
        set_items(value, items)
        self._stack.append(value)

    def frozenset(self, _: Any) -> None:
        items = self.marked()
        self._record(_FROZENSET)
        self._stack[-1].items = items

    def append(self, _: Any) -> None:
        item = self._stack.pop()
        add_items(self._stack[-1], [item])

    def appends(self, _: Any) -> None:
        items = self.marked()
        add_items(self._stack[-1], items)

    def set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        set_items(self._stack[-1], [key, value])

    def set_items(self, _: Any) -> None:
        items = self.marked()
        set_items(self._stack[-1], items)

    # ------------------------------------------------------------ what names a class or a function

    def name_text(self, arg: Any) -> None:
        self._stack.append(global_name(*arg.split(" ", 1)))

    def stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(global_name(module, name))

    def reduce(self, _: Any) -> None:
        args, maker = self._stack.pop(), self._stack.pop()
        self._call(maker, args)

    def new_object(self, _: Any) -> None:
        args, maker = self._stack.pop(), self._stack.pop()
        self._create(maker, args)

    def new_object_ex(self, _: Any) -> None:
        options, args, maker = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._create(maker, (args, options))

    def obj(self, _: Any) -> None:
        maker, *args = self.marked()
        self._call(maker, tuple(args))

    def inst(self, arg: Any) -> None:
        args = tuple(self.marked())
        self._call(global_name(*arg.split(" ", 1)), args)

    def build(self, _: Any) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if isinstance(target, Record):
            target.state = state
            if target.maker == _JOBLIB_ARRAY:
                rest = rest_of_array(self.stream, target.attributes, self._inner)
                target.items.append(rest)

    def _inner(self) -> object:
        """The value of a pickle inside this one."""
        inner = Unpickler(self.stream)
        inner.calls = self.calls
        inner.values_left, inner.bytes_left = self.values_left, self.bytes_left
        value = inner.load()
        self.values_left, self.bytes_left = inner.values_left, inner.bytes_left
        return value

    def persistent(self, _: Any) -> None:
        self._find(self._stack.pop())

    def persistent_text(self, arg: Any) -> None:
        self._find(arg)

    def _find(self, identity: object) -> None:
        if self.find is None:
            raise FormatError("it refers to what is not in it")
        self._stack.append(self.find(identity))

    # ------------------------------------------------------------ for the rules of `rebuilding`

    def nested(self, content: object) -> object:
        """The storage in the bytes of a file inside the pickle."""
        if self.storage_in is None or not isinstance(content, bytes):
            raise FormatError("it has a file inside a file")
        self.copy(len(content))
        return self.storage_in(content)

    def make(self, count: int) -> None:
        """Account for values that take more memory than their opcodes."""
        self.values_left -= count
        if self.values_left < 0:
            raise FormatError("it makes too many values of too few bytes")

    def copy(self, size: int) -> None:
        """Account for bytes that a call copies or reads."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise FormatError("it copies too much of what it repeats")

    def set_entries(self, target: Any, items: Sequence[Any]) -> None:
        """Set keys and values in turns."""
        set_items(target, items)

    def _record(self, maker: GlobalName, args: object = ()) -> None:
        self.make(_OF_RECORD)
        self._stack.append(Record(maker, args))

    def _create(self, maker: Any, args: Any) -> bool:
        """Make an object; whether a rule knows how."""
        if not isinstance(maker, GlobalName):
            raise FormatError("it calls what is no function")
        value = rebuilt(maker, args, self)
        if value is None:
            self._record(maker, args)
        else:
            self._stack.append(value)
        return value is not None

    def _call(self, maker: Any, args: Any) -> None:
        if isinstance(maker, Record):  # such as a method that getattr would give
            self.calls[attribute_of(maker)] = None
            self._record(maker.maker, (maker.args, args))
        elif not self._create(maker, args):
            self.calls[maker] = None


_STEPS: Final[dict[str, Callable[[Unpickler, Any], None]]] = {
    **dict.fromkeys(_VALUES, Unpickler.push),
    **dict.fromkeys(_NOTHING, Unpickler.nothing),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "MARK": Unpickler.mark,
    "POP": Unpickler.pop,
    "POP_MARK": Unpickler.pop_mark,
    "DUP": Unpickler.dup,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), Unpickler.put),
    "MEMOIZE": Unpickler.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Unpickler.get),
    "EMPTY_LIST": Unpickler.empty_list,
    "EMPTY_TUPLE": Unpickler.empty_tuple,
    "EMPTY_DICT": Unpickler.empty_dict,
    "EMPTY_SET": Unpickler.empty_set,
    "LIST": Unpickler.list,
    "TUPLE": Unpickler.tuple,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "DICT": Unpickler.dict,
    "FROZENSET": Unpickler.frozenset,
    "APPEND": Unpickler.append,
    **dict.fromkeys(("APPENDS", "ADDITEMS"), Unpickler.appends),
    "SETITEM": Unpickler.set_item,
    "SETITEMS": Unpickler.set_items,
    "GLOBAL": Unpickler.name_text,
    "STACK_GLOBAL": Unpickler.stack_global,
    "REDUCE": Unpickler.reduce,
    "NEWOBJ": Unpickler.new_object,
    "NEWOBJ_EX": Unpickler.new_object_ex,
    "OBJ": Unpickler.obj,
    "INST": Unpickler.inst,
    "BUILD": Unpickler.build,
    "BINPERSID": Unpickler.persistent,
    "PERSID": Unpickler.persistent_text,
}
_OPCODES: Final = {
    ord(opcode.code): (opcode.arg and opcode.arg.reader, _STEPS[opcode.name])
    for opcode in pickletools.opcodes
    if opcode.name in _STEPS
}
