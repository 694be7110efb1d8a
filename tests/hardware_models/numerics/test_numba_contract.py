"""What both packages rely on in numba and llvmlite beyond their documentation: every private or undocumented name, and what it does.

A new version of numba is tested by this file first; pyproject.toml bounds the versions for which it was.
"""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import pickle
import threading
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest
from llvmlite import binding, ir
from numba.core import bytecode, cgutils, compiler, errors, event, sigutils, types
from numba.core.dispatcher import Dispatcher
from numba.core.environment import lookup_environment
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typing.templates import AttributeTemplate
from numba.extending import get_cython_function_address, intrinsic, lower_getattr_generic, models
from numba.np.numpy_support import from_dtype

from hardware_models.numerics import compile_clock
from hardware_models.numerics.compiled import COMPILED, kernel, separate
from hardware_models.numerics.record import WORD, loaded, record

ROOT = Path(__file__).parents[3]
compiled = pytest.mark.skipif(not COMPILED, reason="needs the compiler")

# name: what is relied on, and where
USED = {
    "llvmlite.binding.get_host_cpu_features": "flatten() is a string that differs where bits may: results/provenance",
    "llvmlite.binding.get_host_cpu_name": "the processor's name: results/provenance",
    "llvmlite.ir.ArrayType": "words on the stack: random",
    "llvmlite.ir.Constant": "constants of numbers and vectors, None for zeros: dots, nonzero, record, compiled",
    "llvmlite.ir.FunctionType": "of a function that is called by its symbol: blas",
    "llvmlite.ir.IRBuilder": "of annotations: vectors",
    "llvmlite.ir.IntType": "types of words, as_pointer(): dots, nonzero, random, record, compiled",
    "llvmlite.ir.Undefined": "a vector before it is filled: vectors",
    "llvmlite.ir.Value": "of annotations: vectors",
    "llvmlite.ir.VectorType": "sixteen numbers added at once, sixty-four compared at once: dots, nonzero",
    "llvmlite.ir.VoidType": "what BLAS returns: blas",
    "numba.core.bytecode.FunctionIdentity": "numbers functions in _unique_ids, which go into their symbols: kernel_cache",
    "numba.core.cgutils.alloca_once": "stack memory: random",
    "numba.core.cgutils.alloca_once_value": "stack memory with a value: dots",
    "numba.core.cgutils.for_range_slice": "a loop with a step: dots",
    "numba.core.cgutils.get_or_insert_function": "declare a function by its symbol: compiled, blas",
    "numba.core.cgutils.if_unlikely": "a branch: compiled",
    "numba.core.cgutils.unpack_tuple": "values of a tuple: dots",
    "numba.core.codegen.JITCodeLibrary": "code that becomes machine code when it is finalised: lean_compiler",
    "numba.core.compiler.CompileResult": "reduced to what can be kept, and rebuilt: kernel_cache",
    "numba.core.compiler_lock.global_compiler_lock": "one thread compiles, and the stack of the compiler is its own: lean_compiler",
    "numba.core.dispatcher.Dispatcher": "class of compiled functions: kernel_key, kernel_cache",
    "numba.core.environment.lookup_environment": "constants of compiled code, by its symbol: lean_compiler",
    "numba.core.errors.TypingError": "one callee that has no types is noted, and the others are typed all the same: compile_ahead",
    "numba.core.errors.NumbaError": "base of what the compiler refuses: rules/user/requirements",
    "numba.core.errors.UnsupportedBytecodeError": "syntax that the compiler refuses: rules/user/requirements",
    "numba.core.event.Event": "what a listener is given: compile_clock",
    "numba.core.event.Listener": "on_start and on_end around the compiler lock: compile_clock",
    "numba.core.event.register": "listen to 'numba:compiler_lock': compile_clock",
    "numba.core.funcdesc.default_mangler": "symbol of a function, of its number and of tags: lean_compiler",
    "numba.core.registry.CPUDispatcher": "what njit makes: lean_compiler",
    "numba.core.registry.cpu_target": "target_context and typing_context: kernel_key, lean_compiler",
    "numba.core.sigutils.normalize_signature": "argument types of a signature: kernel_cache, lean_compiler",
    "numba.core.types.BaseTuple": "type of a tuple, also of a NamedTuple: rules/user/requirements",
    "numba.core.types.BooleanLiteral": "type of True or False that is written into a call: lean_compiler",
    "numba.core.types.IntegerLiteral": "type of a number that is written into a call: lean_compiler",
    "numba.core.types.NoneType": "type of a function that returns nothing: rules/user/requirements",
    "numba.core.types.Optional": "type of a function that returns nothing on some way: rules/user/requirements",
    "numba.core.types.Type": "base of all types: kernel_key",
    "numba.core.types.unliteral": "type of any such number: lean_compiler",
    "numba.core.typing.templates.AttributeTemplate": "generic_resolve gives the type of a field: record",
    "numba.np.arrayobj.populate_array": "fill in the fields of an array: random, words",
    "numba.np.numpy_support.from_dtype": "numba's type of a dtype: record",
}
HOMES = ("numba.core", "numba.np", "llvmlite")  # whose names are nobody's promise


def names_used(path: Path) -> set[str]:
    """Dotted names from those homes in a file: what it imports, and the attributes it takes of imported modules."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found, modules = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(HOMES):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if is_module(name):
                    modules[alias.asname or alias.name] = name
                else:
                    found.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add(f"{modules[node.value.id]}.{node.attr}")
    return found


def is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def test_the_list_is_complete():
    files = [path for package in ("hardware_models", "neuroperturb") for path in (ROOT / package).rglob("*.py")]
    assert set().union(*map(names_used, files)) == set(USED)


@pytest.mark.parametrize("name", USED)
def test_a_name_is_there(name):
    module, attribute = name.rsplit(".", 1)
    assert hasattr(importlib.import_module(module), attribute), USED[name]


# ----------------------------------------------------------------------------------------------------------------------
# Flags of `njit` (numerics/compiled.py)


@compiled
def test_a_kernel_that_allocates_does_not_compile():
    """``_nrt=False``: no reference counts, hence no allocation."""

    @kernel
    def allocate(n):
        return np.zeros(n)[0]

    with pytest.raises(errors.NumbaError):
        allocate(3)

    @kernel(allocates=True)
    def may(n):
        return np.zeros(n)[0]

    assert may(3) == 0


@compiled
def test_a_function_is_compiled_into_its_caller():
    """``forceinline``: the loop around a call becomes vector instructions."""

    @numba.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
    def twice(x):
        return x + x

    @numba.njit(nogil=True, error_model="numpy", _nrt=False)
    def each(x):
        for i in range(x.shape[0]):
            x[i] = twice(x[i])

    x = np.ones(64, np.float32)
    each(x)
    assert (x == 2).all()
    assert "alwaysinline" in twice.inspect_llvm(twice.nopython_signatures[0].args)
    assert "x float>" in each.inspect_llvm(each.nopython_signatures[0].args)


@compiled
def test_arguments_may_be_named_or_unpacked():
    """Of compiled functions, of separate ones, and of function pointers: in the order of the signature."""

    @kernel
    def ordered(a, b, c):
        return 100 * a + 10 * b + c

    apart = separate(ordered)

    @kernel
    def call(a, rest):
        return ordered(a, *rest), ordered(a, c=rest[1], b=rest[0]), apart(a, c=rest[1], b=rest[0]), apart(a, *rest)

    assert call(1, (2, 3)) == (123, 123, 123, 123)


# ----------------------------------------------------------------------------------------------------------------------
# A compiled function and its address (numerics/compiled.py `separate`, characterise/check_device.py, rules/user/requirements.py)


@compiled
def test_what_a_dispatcher_knows_of_a_compiled_function():
    @kernel
    def twice(x):
        return x + x

    given = (numba.typeof(np.float32(1)),)
    twice.compile(given)
    found = twice.overloads[given]
    assert found.signature.return_type == types.float32 and found.signature.args == given
    assert found.library.get_pointer_to_function(found.fndesc.llvm_func_name) > 0
    assert list(inspect.signature(twice.py_func).parameters) == ["x"]


@compiled
def test_an_error_crosses_the_boundary_of_a_separate_function():
    """``context.call_conv``: get_function_type, call_function, return_status_propagate."""

    @kernel
    def refuse(x):
        if x < 0:
            raise ValueError("below 0")
        return x

    apart = separate(refuse)

    @kernel
    def call(x):
        return apart(x) + 1

    assert call(1) == 2
    with pytest.raises(ValueError, match="below 0"):
        call(-1)


@compiled
def test_an_intrinsic_takes_its_parameters_from_a_signature():
    """`__signature__`, the typing context first, then those of the call, which may be named."""
    first = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    others = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in "ab"]

    def subtract(typingctx, *given, **named):
        a, b = (*given, *(named[name] for name in ("a", "b")[len(given) :]))
        return a(a, b), lambda context, builder, signature, values: builder.sub(*values)

    subtract.__signature__ = inspect.Signature([first, *others])
    minus = intrinsic(subtract)

    @kernel
    def call(x, y):
        return minus(x, y), minus(b=x, a=y)

    assert call(5, 3) == (2, -2)


# ----------------------------------------------------------------------------------------------------------------------
# Kernels on disk, and kernels without wrappers (numerics/kernel_cache.py, kernel_key.py, lean_compiler.py)


@compiled
@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (lambda c: c.library, "_finalize_final_module _finalize_dynamic_globals _verify_declare_only_symbols"),
        (lambda c: c.library, "_finalized _object_caching_enabled _compiled_object _final_module _get_module_for_linking _codegen"),
        (lambda c: c.library, "_ensure_finalized codegen get_pointer_to_function serialize_using_object_code"),
        (lambda c: c.library.codegen, "_library_class _engine magic_tuple set_env"),
        (lambda c: c.library.codegen._engine, "get_global_value_address"),
        (lambda c: c, "_reduce _rebuild _replace entry_point fndesc signature library"),
        (lambda c: c.fndesc, "llvm_func_name llvm_cpython_wrapper_name"),
        (lambda c: cpu_target.target_context, "refresh insert_user_function codegen mangler"),
        (lambda c: cpu_target.typing_context, "callstack"),
        (lambda c: plain(), "overloads add_overload targetctx targetoptions _cache _compiler py_func"),
        (lambda c: plain()._compiler, "_customize_flags"),
        (lambda c: plain()._cache, "load_overload save_overload enable disable flush cache_path"),
        (lambda c: compiler.Flags(), "no_cfunc_wrapper no_cpython_wrapper no_compile"),
        (lambda c: bytecode.FunctionIdentity, "_unique_ids"),
        (lambda c: intrinsic(lambda typingctx: None), "_defn"),
    ],
)  # fmt: skip
def test_private_members_are_there(owner, names):
    function = plain()
    function(1)
    found = owner(function.overloads[types.int64,])
    assert [name for name in names.split() if not hasattr(found, name)] == []


def plain():
    """A function without the flags and the cache of this project."""
    return numba.njit(lambda x: x + 1)


@compiled
def test_a_compiled_function_can_be_taken_apart_and_rebuilt():
    """CompileResult._reduce is a tuple that can be pickled, and _rebuild takes it back, for a target."""
    function = plain()
    function(1)
    compiled_result = function.overloads[types.int64,]
    again = compiler.CompileResult._rebuild(
        cpu_target.target_context, *pickle.loads(pickle.dumps(compiled_result._reduce()))
    )
    assert again.signature == compiled_result.signature
    assert again.library.get_pointer_to_function(again.fndesc.llvm_func_name) > 0


def test_argument_types_of_a_signature():
    for signature in ((types.int64,), types.float64(types.int64)):
        assert sigutils.normalize_signature(signature)[0] == (types.int64,)


@compiled
def test_the_stack_of_the_compiler_is_empty_where_nothing_compiles():
    assert len(cpu_target.typing_context.callstack) == 0
    assert issubclass(CPUDispatcher, Dispatcher) and isinstance(plain(), CPUDispatcher)


@compiled
def test_a_number_in_a_call_makes_no_version_of_its_own():
    @kernel
    def add(x, k):
        return x + k

    @kernel
    def call(x):
        return add(x, 0) + add(x, 1) + add(x, k=int(x))

    assert call(2.0) == 2.0 + 3.0 + 4.0
    assert len(add.overloads) == 1

    @kernel
    def either(x, first):
        return x if first else -x

    @kernel
    def both(x):
        return either(x, True) + either(x, False) + either(x, x > 0)

    assert both(2.0) == 2.0
    assert len(either.overloads) == 1


@compiled
def test_symbols_are_short_and_of_one_version_each():
    class State(NamedTuple):
        a_long_name_of_a_field: np.ndarray
        another_long_name_of_a_field: np.ndarray

    @kernel
    def first(state):
        return state[0][0]

    symbols = set()
    for dtype in (np.float32, np.float64):
        state = State(np.ones(1, dtype), np.ones(1, dtype))
        assert first(state) == 1
        symbols.add(first.overloads[numba.typeof(state),].fndesc.llvm_func_name)
    assert len(symbols) == 2 and all(len(symbol) < 200 for symbol in symbols)
    assert "mangler" not in vars(cpu_target.target_context)


@compiled
def test_the_garbage_collector_is_left_as_it_was():
    @kernel
    def refused(n):
        return np.zeros(n)  # allocates

    for enabled in (True, False):
        gc.enable() if enabled else gc.disable()
        try:
            with pytest.raises(errors.NumbaError):
                refused(1 if enabled else 1.0)
            assert gc.isenabled() is enabled
        finally:
            gc.enable()


@compiled
def test_threads_may_compile_at_the_same_time():
    """Another thread's kernel on the stack of the compiler does not make one that Python calls a part of it."""
    failed = []

    def compile_and_call(number):
        for k in range(4):
            try:
                nested(10 * number + k)(np.ones(3))
            except TypeError as error:
                failed.append(error)

    threads = [threading.Thread(target=compile_and_call, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def nested(number):
    """Kernels three deep, that no other call compiles."""
    number = float(number) + np.random.default_rng().random()

    @kernel
    def inner(x):
        total = 0.0
        for i in range(x.shape[0]):
            total += np.sin(x[i]) * number
        return total

    @kernel
    def middle(x):
        return inner(x) + np.cos(x[0])

    @kernel
    def outer(x):
        return middle(x) + 1.0

    return outer


def test_environments_are_found_by_symbol():
    assert lookup_environment("_ZN08NumbaEnv_of_nothing") is None


# ----------------------------------------------------------------------------------------------------------------------
# Records (numerics/record.py)


class Inner(NamedTuple):
    count: int


class Outer(NamedTuple):
    values: np.ndarray
    table: np.ndarray
    single: np.float32
    double: float
    inner: Inner


@compiled
def test_fields_lie_where_a_record_puts_them():
    """The descriptor of an array is meminfo, parent, nitems, itemsize, data, shape, strides, one word each."""
    kept = Outer(np.arange(3, dtype=np.float32), np.ones((2, 5), np.int64), np.float32(1.5), 2.5, Inner(7))

    @kernel
    def look(r):
        return r.values[2], r.values.shape[0], r.table.strides[0], r.table.shape[1], r.single, r.double, r.inner.count

    assert look(record(kept)) == (2, 3, 40, 5, 1.5, 2.5, 7)


@compiled
def test_the_layout_of_an_array_is_numbas():
    """`models`: the fields of the structure that array code unpacks, in this order, each of one word."""
    model = numba.core.datamodel.default_manager[types.Array(types.float32, 2, "C")]
    assert model._fields == ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
    assert ir.PointerType(ir.IntType(8)).get_abi_size(numba.core.registry.cpu_target.target_context.target_data) == WORD


@compiled
def test_all_fields_at_once_are_a_named_tuple():
    """`types.BaseTuple.from_types` with a class, context.make_tuple, context.unpack_value."""

    @kernel
    def both(r):
        count, twice = loaded(r)
        return count + twice

    class Pair(NamedTuple):
        count: int
        twice: int

    assert both(record(Pair(2, 4))) == 6


def test_types_of_arrays():
    assert from_dtype(np.dtype(np.float32)) == types.float32
    a = np.zeros((2, 3), np.uint32)
    assert types.Array(from_dtype(a.dtype), 2, "C", readonly=False, aligned=True) == numba.typeof(a)


def test_a_type_may_resolve_and_load_any_attribute():
    assert AttributeTemplate.generic_resolve is NotImplemented  # and asked where a subclass has one: (self, type, name)
    assert list(inspect.signature(lower_getattr_generic).parameters) == ["ty"]
    assert issubclass(models.OpaqueModel, models.PrimitiveModel)  # one pointer


# ----------------------------------------------------------------------------------------------------------------------
# The compiler's clock, the processor, BLAS


@compiled
def test_a_listener_hears_when_a_thread_compiles():
    """'numba:compiler_lock' starts and ends in the thread that compiles, nested calls inside."""
    heard = []

    class Listener(event.Listener):
        def on_start(self, event):
            heard.append(("start", threading.get_ident()))

        def on_end(self, event):
            heard.append(("end", threading.get_ident()))

    listener = Listener()
    event.register("numba:compiler_lock", listener)
    try:

        @kernel
        def new(x):
            return x + 1

        new(1)
    finally:
        event.unregister("numba:compiler_lock", listener)
    kinds = [kind for kind, _ in heard]
    assert kinds[0] == "start" and kinds[-1] == "end" and kinds.count("start") == kinds.count("end")
    assert {thread for _, thread in heard} == {threading.get_ident()}


@compiled
def test_the_clock_stands_still_while_a_kernel_compiles():
    compile_clock.working()  # from now on it listens

    @kernel
    def new(x):
        return x - 1

    before = compile_clock._compiling().seconds
    new(1)
    assert compile_clock._compiling().seconds > before


def test_the_processor_has_a_name_and_features():
    assert binding.get_host_cpu_name()
    assert isinstance(binding.get_host_cpu_features().flatten(), str)


@compiled
def test_blas_is_found_in_scipy():
    for name in ("sgemm", "dgemm"):
        assert get_cython_function_address("scipy.linalg.cython_blas", name) > 0


def test_types_of_what_a_formula_returns():
    """A function that returns nothing, or not always, or several values."""
    assert isinstance(types.none, types.NoneType)
    assert isinstance(types.Optional(types.float32), types.Optional)
    assert isinstance(numba.typeof((1, 2.0)), types.BaseTuple)
    assert list(numba.typeof((1, 2.0))) == [types.int64, types.float64]
    assert issubclass(errors.UnsupportedBytecodeError, Exception)


def test_stack_memory_and_loops():
    """What `numerics/dots.py` and `numerics/random.py` build their loops of."""
    parameters = lambda function: list(inspect.signature(function).parameters)  # noqa: E731
    assert parameters(cgutils.alloca_once)[:2] == ["builder", "ty"]
    assert parameters(cgutils.alloca_once_value)[:2] == ["builder", "value"]
    assert parameters(cgutils.unpack_tuple)[:2] == ["builder", "tup"]
    assert parameters(cgutils.for_range_slice)[:5] == ["builder", "start", "stop", "step", "intp"]
    assert parameters(cgutils.if_unlikely) == ["builder", "pred"]
