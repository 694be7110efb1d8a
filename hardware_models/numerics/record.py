"""Records: a kernel's state passed as one pointer.

Numba passes a NamedTuple of arrays by value: nine words an array, taken apart and put together again at every call, so
that a state of two hundred arrays takes minutes to compile. A :class:`Record` is the same NamedTuple laid out once in memory;
kernels receive its address and load the fields they name. In Python, and in kernels with the JIT off, it reads like the
NamedTuple it was made from.

Rules: fields are arrays, numbers or records, fixed when the record is made (arrays may change in place, numbers may not);
kernels bind a field to a local name before a loop over it, since a load cannot be moved out of a loop that stores. `loaded`
binds all fields at once: it gives back the NamedTuple, by value.
"""

from __future__ import annotations

import functools
import operator
import struct

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.numpy_support import from_dtype

from hardware_models.numerics.compiled import COMPILED

WORD = 8  # bytes; every field of an array's descriptor, and every number, takes one
_WORD, _DOUBLE = struct.Struct("=q"), struct.Struct("=d")


class RecordType(types.Type):
    """The type of a record: names, types and places of its fields."""

    def __init__(self, cls: type, names: tuple[str, ...], kinds: tuple[types.Type, ...], places: tuple[int, ...]):
        self.cls = cls
        self.slots = dict(zip(names, zip(kinds, places, strict=True), strict=True))
        super().__init__(f"{cls.__name__}({', '.join(f'{n}: {k}' for n, k in zip(names, kinds, strict=True))})")


register_model(RecordType)(models.OpaqueModel)  # a pointer

# Types are kept: a run has hundreds of records and a thousand arrays, of a few kinds, and finding out is dear.
_record_type = functools.cache(RecordType)


@functools.cache
def _array_type(dtype: np.dtype, ndim: int, writeable: bool, aligned: bool) -> types.Array:
    """What `numba.typeof` says of a C-contiguous array."""
    return types.Array(from_dtype(dtype), ndim, "C", readonly=not writeable, aligned=aligned)


class Record:
    """A NamedTuple laid out in memory for kernels; attribute access gives the NamedTuple's own fields."""

    def __init__(self, fields):
        self.fields = fields
        self.inner: dict[str, Record] = {}
        words, kinds, places = [], [], []
        for name, value in zip(fields._fields, fields, strict=True):
            places.append(WORD * len(words))
            kind, content = self._lay_out(name, value)
            kinds.append(kind)
            words.extend(content)
        self._memory = np.array(words or [0], np.int64)
        self.address = self._memory.ctypes.data
        self.kind = _record_type(type(fields), fields._fields, tuple(kinds), tuple(places))

    def __getattr__(self, name):
        if name == "fields":  # of a record that is not there yet, when it is copied
            raise AttributeError(name)
        return getattr(self.fields, name)

    def __reduce__(self):
        """A copy is laid out anew: addresses are nobody else's."""
        return Record, (self.fields,)

    def _lay_out(self, name: str, value) -> tuple[types.Type, list[int]]:
        """The type of a field and the words that hold it."""
        if hasattr(value, "_fields"):
            inner = self.inner[name] = Record(value)
            return inner.kind, [inner.address]
        if isinstance(value, np.ndarray):
            if not value.flags.c_contiguous:
                raise ValueError(f"arrays in a record must be C-contiguous; got strides {value.strides}")
            # numba's array descriptor: meminfo, parent, nitems, itemsize, data, shape, strides
            flags = value.flags
            address = (
                value.__array_interface__["data"][0] if value.size else 0
            )  # nobody follows it where there is nothing
            kind = _array_type(value.dtype, value.ndim, flags.writeable, flags.aligned)
            return kind, [0, 0, value.size, value.itemsize, address, *value.shape, *value.strides]
        if isinstance(value, np.float32):
            return types.float32, [int(np.array([value, 0], np.float32).view(np.int64)[0])]
        if isinstance(value, float):
            return types.float64, [_WORD.unpack(_DOUBLE.pack(value))[0]]
        return types.int64, [operator.index(value)]


def record(fields):
    """What kernels take for a NamedTuple of state: a `Record`, or the NamedTuple itself with the JIT off."""
    return Record(fields) if COMPILED else fields


def inside(whole, *names: str):
    """What kernels take for a record inside a record: the same memory, not laid out again."""
    for name in names:
        whole = whole.inner[name] if COMPILED else getattr(whole, name)
    return whole


@typeof_impl.register(Record)
def _typeof_record(value, context):
    return value.kind


@unbox(RecordType)
def _unbox_record(kind, value, c):
    address = c.pyapi.object_getattr_string(value, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer)


@infer_getattr
class _RecordFields(AttributeTemplate):
    key = RecordType

    def generic_resolve(self, record_type, name):
        slot = record_type.slots.get(name)
        return slot[0] if slot else None


@lower_getattr_generic(RecordType)
def _load_field(context, builder, record_type, pointer, name):
    kind, place = record_type.slots[name]
    at = builder.gep(pointer, [ir.IntType(64)(place)])
    return context.unpack_value(builder, kind, builder.bitcast(at, context.get_data_type(kind).as_pointer()))


@intrinsic
def _load_fields(typingctx, record_type):
    result = types.BaseTuple.from_types([kind for kind, _ in record_type.slots.values()], record_type.cls)

    def codegen(context, builder, signature, arguments):
        (pointer,) = arguments
        values = [_load_field(context, builder, record_type, pointer, name) for name in record_type.slots]
        return context.make_tuple(builder, result, values)

    return result(record_type), codegen


def loaded(fields):
    """The NamedTuple of a record's fields as they are now, for loops that store: for small records only. A NamedTuple is its own."""
    return fields


@overload(loaded)
def _compiled_loaded(fields):
    if isinstance(fields, RecordType):
        return lambda fields: _load_fields(fields)
    return lambda fields: fields  # by value already
