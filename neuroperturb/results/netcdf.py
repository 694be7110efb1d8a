"""Writing netCDF 4 files: HDF5 files in which every axis of an array has a name.

    dimension = an HDF5 dimension scale, attached to every axis of its length        its number: attribute `_Netcdf4Dimid`
    a variable named like its own dimension is that scale; otherwise the scale is empty, and its NAME says so

Any netCDF reader opens them (`xarray.open_datatree`). Written with h5py's low-level calls: for the same record of a run
h5netcdf, which looks everything up again at every step, takes 120 ms, h5py's upper layers 20 ms, and this 10 ms; a study writes
thousands.

References
----------
.. [1] Unidata, NetCDF-4 file format, https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

NOT_A_VARIABLE = b"This is a netCDF dimension but not a netCDF variable."


class Writer:
    """Groups, dimensions and variables of one open file.

    Parameters
    ----------
    file : h5py.File, open for writing
    """

    def __init__(self, file):
        self.file = file
        self._groups: dict[str, object] = {}
        self._scales: dict[tuple[str, str], object] = {}

    def variable(self, group: str, name: str, dims: Sequence[str], array: np.ndarray) -> None:
        """Write one array; axes of one group that share a name share a dimension, and must have one length."""
        from h5py import h5ds

        parent = self._group(group)
        if array.dtype == object:
            dataset = _text(parent, name, array)
        elif array.dtype == bool:  # netCDF has no booleans; this is how xarray writes and reads them
            dataset = _numbers(parent, name, array.astype(np.int8))
            self.file[f"{group}/{name}"].attrs["dtype"] = "bool"
        else:
            dataset = _numbers(parent, name, array)
        for axis, (dim, size) in enumerate(zip(dims, array.shape, strict=True)):
            scale = self._scale(group, dim, size, dataset if dim == name else None)
            if scale != dataset:
                h5ds.attach_scale(dataset, scale, axis)

    def _group(self, name: str):
        if name not in self._groups:
            self._groups[name] = self.file.require_group(name).id
        return self._groups[name]

    def _scale(self, group: str, dim: str, size: int, variable):
        """The dimension of that name, created at its first use."""
        from h5py import h5d, h5ds, h5s, h5t

        scale = self._scales.get((group, dim))
        if scale is None:
            if variable is None:
                scale = h5d.create(
                    self._group(group), dim.encode(), h5t.IEEE_F32BE, h5s.create_simple((size,)), _timeless()
                )
                h5ds.set_scale(scale, NOT_A_VARIABLE + b"%10d" % size)
            else:
                scale = variable
                h5ds.set_scale(scale, dim.encode())
            _number(scale, b"_Netcdf4Dimid", len(self._scales))
            self._scales[group, dim] = scale
        return scale


@functools.cache
def _timeless():
    """Properties of datasets without a creation time."""
    from h5py import h5p

    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    return properties


def _numbers(parent, name: str, array: np.ndarray):
    """A dataset of numbers; bypasses h5py's high-level layers, which take longer than the library."""
    from h5py import h5d, h5s, h5t

    array = np.ascontiguousarray(array)
    space = h5s.create_simple(array.shape) if array.ndim else h5s.create(h5s.SCALAR)
    dataset = h5d.create(parent, name.encode(), h5t.py_create(array.dtype, logical=True), space, _timeless())
    if array.size:
        dataset.write(h5s.ALL, h5s.ALL, array)
    return dataset


def _text(parent, name: str, array: np.ndarray):
    """A dataset of text; `data=None` for an empty one: HDF5 cannot create an empty text array from data."""
    import h5py

    data = array if array.size else None
    return h5py.Group(parent).create_dataset(name, shape=array.shape, dtype=h5py.string_dtype(), data=data).id


def _number(dataset, name: bytes, value: int) -> None:
    """An integer as an attribute."""
    from h5py import h5a, h5s, h5t

    h5a.create(dataset, name, h5t.NATIVE_INT32, h5s.create(h5s.SCALAR)).write(np.array(value, np.int32))
