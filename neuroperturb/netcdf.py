"""Writing netCDF 4 files: HDF5 files in which every axis of an array has a name.

    dimension = an HDF5 dimension scale, attached to every axis of its length        its number: attribute `_Netcdf4Dimid`
    a variable named like its own dimension is that scale; otherwise the scale is empty, and its NAME says so

Any netCDF reader opens them (`xarray.open_datatree`). Written with h5py straight away: h5netcdf, which looks everything up
again at every step, takes 120 ms for the same record of a run, and this 25 ms; a study writes thousands.

References
----------
.. [1] Unidata, NetCDF-4 file format, https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

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
        self._scales: dict[tuple[str, str], object] = {}

    def variable(self, group: str, name: str, dims: Sequence[str], array: np.ndarray) -> None:
        """Write one array; axes of one group that share a name share a dimension, and must have one length."""
        import h5py

        parent = self.file.require_group(group)
        if array.dtype.kind == "O":
            # `data=None` for an empty one: HDF5 makes no text array out of nothing.
            data, dtype = (array if array.size else None), h5py.string_dtype()
        elif array.dtype.kind == "b":  # netCDF has no booleans; this is how xarray writes and reads them
            data, dtype = array.astype(np.int8), np.dtype(np.int8)
        else:
            data, dtype = array, array.dtype
        dataset = parent.create_dataset(name, shape=array.shape, dtype=dtype, data=data)
        if array.dtype.kind == "b":
            dataset.attrs["dtype"] = "bool"
        for axis, (dim, size) in enumerate(zip(dims, array.shape, strict=True)):
            scale = self._scale(group, dim, size, dataset if dim == name else None)
            if scale.id != dataset.id:
                h5py.h5ds.attach_scale(dataset.id, scale.id, axis)

    def _scale(self, group: str, dim: str, size: int, variable):
        """The dimension of that name, made where it is met first."""
        import h5py

        scale = self._scales.get((group, dim))
        if scale is None:
            if variable is None:
                scale = self.file[group].create_dataset(dim, shape=(size,), dtype=">f4")
                h5py.h5ds.set_scale(scale.id, NOT_A_VARIABLE + b"%10d" % size)
            else:
                scale = variable
                h5py.h5ds.set_scale(scale.id, dim.encode())
            scale.attrs.create("_Netcdf4Dimid", len(self._scales), dtype=np.int32)
            self._scales[group, dim] = scale
        return scale
