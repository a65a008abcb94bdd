"""A safe unpickler for PyTorch state dicts: it creates plain data and `View`s of tensors, and nothing else.

Python's unpickler is unsafe even if its `find_class` imports nothing: a file can change attributes of objects (BUILD),
and a dict key of deeply nested tuples overflows the stack, or takes forever to hash.
"""

import pickletools
import sys
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from src.checkpoint.convert.torch_view import STORAGE_TYPES, Storage, View
from src.errors import UserError

MAX_OPCODES = 5_000_000  # opcodes per pickle; a state dict of 1000 tensors takes about 40,000
MAX_INTEGER_BITS = 128  # bits; the magic number of torch.save has 80, the state of a random number generator 128

# Opcodes that push their argument, as `pickletools` decodes it.
_VALUES = {
    *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_PLAIN = (str, int, float, bytes, bool, type(None))


@dataclass(frozen=True)
class Name:
    """A global (module.name) that a pickle refers to; it is not imported."""

    text: str


def _ordered_dict(items: Any = ()) -> dict:
    return _with_items({}, [part for key, value in items for part in (key, value)])


def _tensor(
    storage: Any, offset: Any, sizes: Any, strides: Any, _gradient: Any = None, _hooks: Any = None, metadata: Any = None
) -> View:
    if not isinstance(storage, Storage):
        raise TypeError("its pickle has a tensor without a storage")
    if metadata:
        raise ValueError(
            "its pickle has a tensor with the negative or conjugate bit; save tensor.resolve_neg().resolve_conj()"
        )
    return View(storage, offset, sizes, strides)


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


# Every function that pickles of state dicts call, with its replacement.
_FUNCTIONS = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
}
_NAMES = {*_FUNCTIONS, *(f"torch.{name}" for name in STORAGE_TYPES)}


class StateDictUnpickler:
    """Unpickles containers, numbers, strings and tensors.

    Args:
        file: positioned at the start of a pickle; its `read` must not allocate more bytes than the file has left.
        path: of the file, for error messages.

    Attributes:
        storages: all storages that were read so far, by key.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path = file, path
        self.storages: dict[str, Storage] = {}
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._steps = 0

    def load(self) -> Any:
        """Read one pickle and return its object; the file is then positioned after it.

        Raises:
            UserError: the pickle refers to a class or function that state dicts do not use.
            Exception: of any kind, if the pickle is damaged.
        """
        for opcode, argument, _ in pickletools.genops(self.file):
            self._count(1)
            self._step(opcode.name, argument)
        return self._stack.pop()

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_OPCODES:
            raise ValueError(f"its pickle has more than {MAX_OPCODES:,} opcodes")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _VALUES:
            stack.append(_checked(argument))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in ("PROTO", "FRAME", "STOP"):
            pass
        elif name in ("BINSTRING", "SHORT_BINSTRING"):  # str of Python 2, which is bytes
            stack.append(argument.encode("latin-1").decode("utf-8"))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(self._name(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            if not all(type(part) is str for part in stack[-2:]):
                raise ValueError("its pickle has a global name that is not a string")
            stack.append(self._name(".".join(self._taken(2))))
        else:
            self._build(name)

    def _build(self, name: str) -> None:
        """Opcodes that combine several objects."""
        stack = self._stack
        if name == "MARK":
            self._marks.append(len(stack))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(self._taken(int(name[-1]))))
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name in ("SETITEM", "SETITEMS"):
            items = self._taken(2) if name == "SETITEM" else self._since_mark()
            _with_items(self._top(dict), items)
        elif name in ("APPEND", "APPENDS"):
            items = self._taken(1) if name == "APPEND" else self._since_mark()
            self._top(list).extend(items)
        elif name == "ADDITEMS":
            items = self._since_mark()
            self._top(set).update(map(_checked_key, items))
        elif name == "FROZENSET":
            stack.append(frozenset(map(_checked_key, self._since_mark())))
        elif name == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif name == "REDUCE":
            stack.append(self._called(*self._taken(2)))
        elif name in ("POP", "BUILD"):  # PyTorch sets requires_grad and module versions with BUILD; they are not needed
            stack.pop()
        elif name == "POP_MARK":
            self._since_mark()
        else:
            raise ValueError(f"its pickle has the opcode {name}, which state dicts do not use")

    def _taken(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("its pickle pops from an empty stack")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _since_mark(self) -> list[Any]:
        place = self._marks.pop()
        items = self._stack[place:]
        del self._stack[place:]
        return items

    def _top(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise ValueError(f"its pickle adds items to a {type(self._stack[-1]).__name__}, expected a {kind.__name__}")
        return self._stack[-1]

    def _name(self, text: str) -> Name:
        if text in _NAMES:
            return Name(text)
        if text.startswith("torch") and ("._rebuild" in text or text.endswith("Storage")):
            raise UserError(
                f"{self.path}: contains a tensor created by {text:.100}; supported are dense tensors of the types "
                f"{', '.join(STORAGE_TYPES)}: convert it first, for example with  tensor.to_dense().float()"
            )
        raise UserError(
            f"{self.path}: contains a {text:.200}, but only plain state dicts are read, because anything else in a "
            "pickle can run "
            "code; save the weights alone with  torch.save(model.state_dict(), FILE)"
        )

    def _called(self, function: Any, arguments: Any) -> Any:
        if not (isinstance(function, Name) and function.text in _FUNCTIONS and type(arguments) is tuple):
            raise ValueError("its pickle calls an object that is not a function, or passes no tuple of arguments")
        self._count(sum(len(argument) for argument in arguments if isinstance(argument, Sized)))  # REDUCE may copy them
        return _FUNCTIONS[function.text](*arguments)

    def _storage(self, identity: Any) -> Storage:
        """('storage', type, key, device, count) and, in the legacy format, view metadata, which must be None."""
        match identity:
            case ("storage", Name(kind), str(key), _, int(count), *within):
                name = kind.removeprefix("torch.")
                if name not in STORAGE_TYPES or any(part is not None for part in within):
                    raise ValueError("its pickle has a storage of an unknown type, or a view of a storage")
                storage = Storage(key, STORAGE_TYPES[name], count)
            case _:
                raise ValueError("its pickle has a persistent id that is not a storage")
        if not 0 <= storage.count <= sys.maxsize:
            raise ValueError(f"its pickle has a storage of {storage.count} elements")
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"storage {storage.key!r:.100} has two different descriptions")
        return storage


def _checked(value: Any) -> Any:
    """The value; raises a ValueError for an integer that is too long to print."""
    if type(value) is int and value.bit_length() > MAX_INTEGER_BITS:
        raise ValueError(f"its pickle has an integer of {value.bit_length()} bits, expected at most {MAX_INTEGER_BITS}")
    return value


def _checked_key(key: Any) -> Any:
    """The key, if it is plain data or a tuple of such: hashing deeper nesting overflows the stack, or takes forever."""
    if not isinstance(key, _PLAIN) and not (type(key) is tuple and all(isinstance(part, _PLAIN) for part in key)):
        raise ValueError(f"its pickle has a {type(key).__name__} as a key, expected a string or a number")
    return key


def _with_items(target: dict, items: list[Any]) -> dict:
    """The dict, after adding `items`: keys and values in turn."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[_checked_key(key)] = value
    return target
