"""Reads of weights whose devices have an ADC each: every device is summed and converted by itself, and what is read is added digitally.

    y_i = α Σ_k gain_k adc_k(f(Σ_j w_kji x'_j + σ_ki ξ_ki) + σ_out ξ'_ki)          f the compression of the read-out

x' is what drives the lines of all devices, σ_ki the noise of one device's weights. The draws of device k are those of a row of their
own; those of device 0 are the draws of a read that is not apart.
"""

from __future__ import annotations

import numpy as np

from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.dots import dot
from hardware_models.reading.converters import convert, is_saturated
from hardware_models.reading.kernels import ADC, OUTPUT, REPETITION, WEIGHT, fill_normal, fill_uniform, leave
from hardware_models.reading.wiring import device_row

DEVICE = 1 << 29  # of the row of a draw: three bits, above the side


@separate
@kernel
def sense_device(reading, sweep, bounds, device, k, part, variance, n):
    """Column k of one device's sums as it leaves its ADC; returns whether an output is at the bound. bounds : of the ADCs, 0: the reading's."""
    p, draws, zero = reading.numbers, reading.scratch.draws[:n], type(reading.numbers.output_std)(0)
    address = device * DEVICE + reading.side + reading.scratch.repetition[k] * REPETITION + k
    if p.weight_std > zero:
        fill_normal(reading.seed, reading.read, sweep, address + WEIGHT, draws)
        for i in range(n):
            part[i] += p.weight_std * np.sqrt(variance[i]) * draws[i]
    if p.compression > zero:
        one, kappa = type(zero)(1), p.compression
        for i in range(n):
            part[i] /= one + kappa * abs(part[i])
    if p.output_std > zero:
        fill_normal(reading.seed, reading.read, sweep, address + OUTPUT, draws)
        for i in range(n):
            part[i] += p.output_std * draws[i]
    if p.adc.stochastic != 0:
        fill_uniform(reading.seed, reading.convert, sweep, address + ADC, draws)
    bound = p.adc.step * p.adc.top if p.adc.step > zero else p.adc.bound
    other = bounds[device] > zero and bound < np.inf
    if other:  # levels scale with the bound
        for i in range(n):
            part[i] *= bound / bounds[device]
    convert(p.adc, part, n, draws)
    saturated = p.most > 0 and is_saturated(p.adc, part, n)
    if other:
        for i in range(n):
            part[i] *= bounds[device] / bound
    return saturated


@kernel
def square_of(v, power):
    """s(w)² of one weight"""
    return type(v)(1) if power == 0 else (abs(v) if power == 1 else v * v)


@kernel
def finish(reading, k, saturated, out, n):
    """Scale a column back, and note whether it is to be read again."""
    for i in range(n):
        out[i] *= reading.scratch.divisor[k]
    leave(reading, k, saturated, out, n)


@kernel
def after_apart(array, x, acc):
    """Sums of every device of what drove the lines, x (K, m), read one by one into acc (K, n); sums of whole weights are not used."""
    w, slow, n, reading = array.cells.w, array.cells.slow, array.size[0], array.reading
    row, power = reading.scratch.row, reading.numbers.power
    for k in range(x.shape[0]):
        if reading.scratch.waiting[k] == 0:
            continue
        out, saturated, part, variance = acc[k], False, reading.scratch.done[k], reading.scratch.variance[k]
        out[:] = 0
        for d in range(w.shape[0]):
            part[:] = 0
            variance[:] = 0
            for j in range(w.shape[1]):
                device_row(w, slow, d, j, row)
                a = x[k, j]
                for i in range(n):
                    part[i] += row[i] * a
                if reading.numbers.weight_std > type(a)(0):
                    for i in range(n):
                        variance[i] += square_of(row[i], power) * a * a
            clipped = sense_device(
                reading, array.reads[0], array.weight.adc_bounds, d, k, part=part, variance=variance, n=n
            )
            saturated = clipped or saturated
            for i in range(n):
                out[i] += array.gain[d] * part[i]
        finish(reading, k, saturated, out, n)


@kernel
def after_apart_back(array, x, v):
    """The same for rows x (R, n) of column reads, into v (R, m)."""
    w, slow, m, reading = array.cells.w, array.cells.slow, array.cells.w.shape[1], array.reading.turned
    row, power = array.scratch.share, reading.numbers.power
    for k in range(x.shape[0]):
        if reading.scratch.waiting[k] == 0:
            continue
        out, saturated, part, variance = v[k], False, reading.scratch.done[k], reading.scratch.variance[k]
        out[:] = 0
        for d in range(w.shape[0]):
            for j in range(m):
                device_row(w, slow, d, j, row)
                part[j] = dot(row, x[k])
                total = type(row[0])(0)
                for i in range(row.shape[0]):
                    total += square_of(row[i], power) * x[k, i] * x[k, i]
                variance[j] = total
            clipped = sense_device(
                reading, array.back_reads[0], array.weight.adc_bounds, d, k, part=part, variance=variance, n=m
            )
            saturated = clipped or saturated
            for j in range(m):
                out[j] += array.gain[d] * part[j]
        finish(reading, k, saturated, out, m)
