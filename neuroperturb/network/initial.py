"""Initial weights: laws of the recurrent ones, a file of all, or a function of one's own.

    gaussian     Xavier's normal distribution, of variance 2/(n + n′) for n′ units heard by n
    uniform      the uniform distribution of that variance
    orthogonal   rows, or columns, that are orthonormal
    identity     1 from a unit to itself (or to its like in the next layer), 0 else
    file         W_in, W_rec, W_out of an ``.npz`` file, or those a record ended with
    module:function    f(rng, n_in, n, n_out) -> (W_in, W_rec, W_out), W[i, j] from j to i

A law is of W_rec, for which the network has a `gain` and a `spectral_radius`; W_in and W_out are normal with every law. A file and a
function give all three, and W_in has the column of the bias last if the network has one: n_in counts it. Where the network's wiring has no
synapse, or one of another sign, theirs are set to 0.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, SerializeAsAny, model_serializer

from neuroperturb.spec import InputError, Spec, SpecError, data_file
from neuroperturb.spec.own_function import SOURCE, OwnFunction
from neuroperturb.spec.user_code import is_name

Three = tuple[np.ndarray, np.ndarray, np.ndarray]  # W_in (n, n_in), W_rec (n, n), W_out (n_out, n)
NAMES = ("W_in", "W_rec", "W_out")
HDF5 = b"\x89HDF\r\n\x1a\n"  # first bytes of a record


class Initial(Spec):
    """Initial weights; every kind has its own class.

    kind : its name, ``module:function`` of your own, or a file of arrays or a record
    gives_all : whether it gives all three matrices, by `weights`, and not W_rec alone, by `block`
    """

    kind: str
    gives_all: ClassVar[bool] = False

    def block(self, xi: np.ndarray, std: float) -> np.ndarray:
        """Weights (n, n′) from normal draws of that shape; std : Xavier's."""
        raise NotImplementedError

    def weights(self, seed: int, n_in: int, n: int, n_out: int) -> Three:
        """All weights; n_in counts the bias."""
        raise NotImplementedError


class NormalWeights(Initial):
    """W ~ N(0, 2/(n + n′)), Xavier's."""

    kind: Literal["gaussian"] = "gaussian"

    def block(self, xi: np.ndarray, std: float) -> np.ndarray:
        return std * xi


class UniformWeights(Initial):
    """W uniform in ± √(6/(n + n′)), of the variance of Xavier's normal weights."""

    kind: Literal["uniform"] = "uniform"

    def block(self, xi: np.ndarray, std: float) -> np.ndarray:
        from scipy.special import ndtr

        return std * np.sqrt(12) * (ndtr(xi) - 0.5)


class Orthogonal(Initial):
    """W with orthonormal columns, or rows where there are fewer: Wᵀ W = I or W Wᵀ = I, uniform among these."""

    kind: Literal["orthogonal"] = "orthogonal"

    def block(self, xi: np.ndarray, std: float) -> np.ndarray:
        del std  # a rotation has its own size
        tall = xi if xi.shape[0] >= xi.shape[1] else xi.T
        Q, R = np.linalg.qr(tall)
        Q = Q * np.sign(np.diag(R))  # else the distribution would depend on how a QR is computed
        return Q if tall is xi else Q.T


class Identical(Initial):
    """W = I, 1 from a unit to itself; of W_rec between two layers, to the unit of the same number."""

    kind: Literal["identity"] = "identity"

    def block(self, xi: np.ndarray, std: float) -> np.ndarray:
        del std
        return np.eye(*xi.shape)


class FromFile(Initial):
    """Weights of an ``.npz`` file with W_in (n, n_in), W_rec (n, n) and W_out (n_out, n), or of a record of a run, with which it ended.

    path : of the file of W_in, W_rec and W_out;  sha256 : of its bytes, noted when the file is named, and compared when it is read
    """

    kind: Literal["file"] = "file"
    path: data_file.DataFile
    sha256: str = ""
    gives_all: ClassVar[bool] = True

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> FromFile:
        """From a table; that of a record says which file it was."""
        made = cls.parse(dict(table))
        return made if made.sha256 else made.replace(sha256=data_file.read(made.path, made._refused("path"))[0].sha256)

    def weights(self, seed: int, n_in: int, n: int, n_out: int) -> Three:
        del seed  # they are what they are
        refuse = self._refused("network.initial.path")
        note, content = data_file.read(self.path, refuse)
        if self.sha256 and note.sha256 != self.sha256:
            raise refuse("is not the file it was when it was named")
        try:
            W_in, W_rec, W_out = _of_record(content) if content.startswith(HDF5) else _of_npz(content)
        except (KeyError, ValueError, OSError, EOFError) as error:
            raise refuse(f"has no W_in, W_rec and W_out ({error})") from None
        return require_three((W_in, W_rec, W_out), (n_in, n, n_out), f"the file {str(self.path)!r}")

    def _refused(self, key: str) -> Callable[[str], InputError]:
        return lambda what: SpecError(key, verb=f"names {str(self.path)!r}, which {what}")


def _of_npz(content: bytes) -> list[np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return [np.asarray(found[name], np.float64) for name in NAMES]


def _of_record(content: bytes) -> list[np.ndarray]:
    import h5py

    with h5py.File(io.BytesIO(content), "r") as found:
        return [np.asarray(found["weights"][name][...], np.float64) for name in NAMES]  # type: ignore[index]


class OwnInitial(Initial):
    """A function of one's own, ``f(rng, n_in, n, n_out) -> (W_in, W_rec, W_out)``; rng: a NumPy generator of the seed of the run.

    kind : ``module:function`` or ``path/to/file.py:function``;  sha256, text : of its source
    """

    kind: str
    sha256: str
    text: str
    gives_all: ClassVar[bool] = True

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> OwnInitial:
        """From a table of a user, or of a record, or from the function."""
        own = OwnFunction.read(table, "kind")
        return cls(kind=own.kind, sha256=own.sha256, text=own.text)

    @classmethod
    def of(cls, function: Callable) -> OwnInitial:
        """From the function itself."""
        return cls.read({"kind": function})

    @model_serializer
    def _flat(self) -> dict:
        return {"kind": self.kind, SOURCE: {"sha256": self.sha256, "text": self.text}}

    @property
    def function(self) -> OwnFunction:
        """The function as data."""
        return OwnFunction(kind=self.kind, sha256=self.sha256, text=self.text)

    def __eq__(self, other: object) -> bool:
        return self.function == other.function if isinstance(other, OwnInitial) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.function)

    def weights(self, seed: int, n_in: int, n: int, n_out: int) -> Three:
        function = self.function.bind("network.initial")
        given = function(np.random.default_rng(seed), n_in, n, n_out)
        return require_three(given, (n_in, n, n_out), f"the function {self.kind!r}")


def require_three(given: Any, sizes: tuple[int, int, int], whose: str) -> Three:
    """Three finite matrices of the right shapes, float64; whose : for errors."""
    n_in, n, n_out = sizes
    try:
        found = [np.array(W, np.float64) for W in given]
    except (TypeError, ValueError):
        found = []
    shapes = ((n, n_in), (n, n), (n_out, n))
    wanted = ", ".join(f"{name} {shape}" for name, shape in zip(NAMES, shapes, strict=True))
    if tuple(W.shape for W in found) != shapes:
        got = ", ".join(str(W.shape) for W in found) or "something else"
        raise InputError(f"The initial weights of this network are {wanted}; {whose} has {got}.")
    if not all(np.isfinite(W).all() for W in found):
        raise InputError(f"The initial weights of a network are finite; those of {whose} are not.")
    return found[0], found[1], found[2]


INITIAL: dict[str, Any] = {
    "gaussian": NormalWeights,
    "uniform": UniformWeights,
    "orthogonal": Orthogonal,
    "identity": Identical,
    "file": FromFile,
}
NORMAL = NormalWeights()


def read(given: Any) -> Any:
    """Initial weights from a name, a table, an object, or a function."""
    if isinstance(given, Initial):
        return given
    if callable(given):
        return OwnInitial.of(given)
    table = {"kind": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping):
        raise SpecError("", "RNN", "a name, a table or a function", given)
    kind = table.get("kind")
    if is_name(kind):
        return OwnInitial.read(table)
    if kind not in INITIAL:
        raise SpecError.no_choice("kind", "RNN", kind, INITIAL)
    rest, made_of = {key: value for key, value in table.items() if key != "kind"}, INITIAL[kind]
    return made_of.read(rest) if made_of.gives_all else made_of.parse(rest)


AnyInitial = Annotated[SerializeAsAny[Initial], BeforeValidator(read)]
