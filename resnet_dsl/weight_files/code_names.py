"""Which names in a pickle stand for code that somebody wants to run?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from resnet_dsl.weight_files.values import GlobalName

_BUILTINS: Final = {"builtins", "__builtin__"}
_PLAIN_BUILTINS: Final = frozenset(
    """bool bytearray bytes complex dict float frozenset getattr int list object range reversed
    set slice str tuple type long unicode xrange""".split()  # noqa: SIM905
)
_PROGRAM_MODULES: Final = frozenset(
    """_ctypes _io _operator _pickle _thread aiohttp ast asyncio atexit bdb cProfile cloudpickle
    code codeop commands concurrent ctypes dill distutils doctest ensurepip fileinput ftplib gc
    http httplib idlelib imp importlib inspect io lib2to3 linecache marshal multiprocessing nt
    ntpath operator os pdb pickle pip pkgutil popen2 posix posixpath profile pty pydoc requests
    runpy setuptools shutil signal smtplib socket sqlite3 ssl subprocess sys tarfile tempfile test
    threading timeit trace types unittest urllib venv webbrowser zipapp zipfile
    zipimport""".split()  # noqa: SIM905
)
"""Modules that reach out of the program, or make functions."""
_PLAIN_IN_PROGRAM_MODULES: Final = {("types", "SimpleNamespace"), ("io", "BytesIO")}
_PLAIN_FUNCTIONS: Final = frozenset(
    """_array_reconstructor _frombuffer _get_layout _get_thnn_function_backend _new_Index
    _rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy
    _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_qtensor
    _rebuild_sparse_csr_tensor _rebuild_sparse_tensor _rebuild_wrapper_subclass _reconstruct
    _unpickle _unpickle_block _unpickle_timezone __bit_generator_ctor __generator_ctor
    __randomstate_ctor array build_boollist build_doublelist build_intlist build_tensor_from_id
    build_tensorlist chain count cycle date datetime defaultdict deque device dtype islice ndarray
    new_block partial repeat restore_type_tag scalar time timedelta timezone
    tzinfo""".split()  # noqa: SIM905
)
"""Classes with small letters, and functions that make plain objects."""


def runs_code(name: GlobalName) -> bool:
    """Whether a call of this name is more than the making of an object.

    A class makes an object; a function, or anything of a module that reaches out of the program,
    is code that somebody wants to run.

    >>> runs_code(GlobalName("posix", "system")), runs_code(GlobalName("datetime", "datetime"))
    (True, False)
    """
    if name.module in _BUILTINS:
        return name.name not in _PLAIN_BUILTINS and not name.name.endswith(("Error", "Exception"))
    if name.module.partition(".")[0] in _PROGRAM_MODULES:
        return (name.module, name.name) not in _PLAIN_IN_PROGRAM_MODULES
    last = name.name.rpartition(".")[2]
    return not last.lstrip("_")[:1].isupper() and last not in _PLAIN_FUNCTIONS


def program_names(names: Iterable[GlobalName]) -> tuple[str, ...]:
    """Those of called names that run code."""
    return tuple(str(name) for name in names if runs_code(name))
