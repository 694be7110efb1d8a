"""Engines that could run a rule on chip: the capabilities of each at a synapse, as data with their sources.

Numbers are those of the publications in `sources`; where a publication leaves a choice, a comment records ours.
"""

from __future__ import annotations

from dataclasses import dataclass

SUMS = frozenset({"add", "subtract", "negative", "multiply"})
COMPARING = frozenset(
    {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "select", "minimum", "maximum", "absolute", "sign",
     "logical_and", "logical_or"}
)  # fmt: skip


@dataclass(frozen=True)
class Engine:
    """Capabilities of an engine.

    name, sources : its name and publications
    operations : operations available to a synapse
    weight_bits : bits of a stored weight, sign included; 0 if weights are analog
    trace_bits : bits of activity and of perturbation, without sign: a signed quantity takes two traces
    state_bits : bits of the other state of a synapse, sign included
    reward_bits : bits of a broadcast number, sign included
    accumulator_bits : bits of the accumulator of products, without sign
    mantissa_bits : bits of a constant, mantissa · 2^exponent, sign included
    states : numbers that a synapse can store in addition to its weight
    draws : random numbers: ``"shared"``: one per step for all synapses;  ``"own"``: one for each synapse;  ``"none"``
    reductions : whether sums over a layer are possible
    column_reads : whether the array can be read in the transposed direction
    rank_one : whether a change has to be a single product of a row and a column factor
    """

    name: str
    sources: tuple[str, ...]
    operations: frozenset[str]
    weight_bits: int
    trace_bits: int
    state_bits: int
    reward_bits: int
    accumulator_bits: int
    mantissa_bits: int
    states: int
    draws: str
    reductions: bool
    column_reads: bool
    rank_one: bool


LOIHI = Engine(
    name="sum-of-products engine (Loihi)",
    sources=(
        "M. Davies et al., IEEE Micro 38(1), 82 (2018), doi:10.1109/MM.2018.112130359",
        "C. Michaelis et al., Front. Neuroinform. 16, 1015624 (2022), doi:10.3389/fninf.2022.1015624",
    ),
    operations=SUMS,
    weight_bits=8,
    trace_bits=7,
    state_bits=8,  # the tag
    reward_bits=8,
    accumulator_bits=15,
    mantissa_bits=4,
    states=2,  # tag and delay
    draws="shared",
    reductions=False,
    column_reads=False,
    rank_one=False,
)
BRAINSCALES2 = Engine(
    name="plasticity processor (BrainScaleS-2)",
    sources=(
        "C. Pehle et al., Front. Neurosci. 16, 795876 (2022), doi:10.3389/fnins.2022.795876",
        "S. Friedmann et al., IEEE Trans. Biomed. Circuits Syst. 11(1), 128 (2017), doi:10.1109/TBCAS.2016.2579164",
    ),
    operations=SUMS | COMPARING,  # of the vector unit, fractional and saturating, 8 or 16 bits
    weight_bits=6,
    trace_bits=8,  # of the converter next to each column
    state_bits=8,
    reward_bits=8,
    accumulator_bits=15,
    mantissa_bits=8,
    states=1,  # in the processor's memory, a row of the array at a time
    draws="own",  # in software
    reductions=True,  # in software, over the lanes of a vector
    column_reads=False,  # rows of synapses are read and written
    rank_one=False,
)
ANALOG = Engine(
    name="analog array with pulsed writes",
    sources=("T. Gokmen and Y. Vlasov, Front. Neurosci. 10, 333 (2016), doi:10.3389/fnins.2016.00333",),
    operations=frozenset({"multiply"}),  # of a row's and a column's pulses, by coincidence
    weight_bits=0,
    trace_bits=8,  # of digital numbers at the edges
    state_bits=0,
    reward_bits=8,
    accumulator_bits=0,
    mantissa_bits=0,
    states=0,
    draws="none",
    reductions=True,  # at the digital edge
    column_reads=True,
    rank_one=True,
)
ENGINES = {"loihi": LOIHI, "brainscales-2": BRAINSCALES2, "analog": ANALOG}
