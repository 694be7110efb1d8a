"""What compiles is counted; what is there already is not."""

import numba
import pytest

from hardware_models.numerics import compile_clock

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing compiles")


def test_a_kernel_counts_once_with_those_inside_it():
    @numba.njit
    def inner(x):
        return x + 1

    @numba.njit
    def outer(x):
        return 2 * inner(x)

    before, begun = compile_clock.compiled(), []
    with compile_clock.when_compiling(lambda: begun.append(1)):
        outer(3)
        outer(3.0)
    after = compile_clock.compiled()
    assert begun == [1]
    assert after.kernels - before.kernels == 4
    assert after.seconds > before.seconds
    with compile_clock.when_compiling(lambda: begun.append(2)):
        outer(4)
    assert begun == [1]
    assert compile_clock.compiled() == after


def test_nobody_is_called_outside():
    begun = []
    with compile_clock.when_compiling(lambda: begun.append(1)):
        pass
    numba.njit(lambda x: x)(1)
    assert begun == []
