"""Sources of cost estimates."""

from __future__ import annotations

YANG = (
    "J. J. Yang, D. B. Strukov & D. R. Stewart, Memristive devices for computing, Nat. Nanotechnol. 8, 13 (2013), table 1, "
    "doi:10.1038/nnano.2012.240"
)


MEENA = (
    "J. S. Meena et al., Overview of emerging nonvolatile memory technologies, Nanoscale Res. Lett. 9, 526 (2014), table 2, "
    "doi:10.1186/1556-276X-9-526"
)


HUANG = "P. Huang et al., Analytic model of endurance degradation in metal oxide based RRAM, IEDM 2013 (HfOx, 4 levels)"


NEUROSIM = (
    "P.-Y. Chen, X. Peng & S. Yu, NeuroSim: a circuit-level macro model for benchmarking neuro-inspired architectures in online "
    "learning, IEEE Trans. CAD 37, 3067 (2018), doi:10.1109/TCAD.2018.2789723, default cells"
)


CROSSSIM = "default devices of CrossSim v3.2, Sandia National Laboratories"


MILO = "ReRAM of 50 – 225 µS: V. Milo et al., IRPS 2021, doi:10.1109/IRPS46558.2021.9405119"


IN_MEMORY = (
    "g_max 25 µS, integration 250 ns: S. R. Nandakumar et al., ICECS 2019, doi:10.1109/ICECS46596.2019.8964852; read voltage "
    "0.4 V: inference circuit of M. J. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494"
)


TANG_2018 = (
    "J. Tang et al., ECRAM as scalable synaptic cell for high-speed, low-power neuromorphic computing, IEDM 2018, "
    "doi:10.1109/IEDM.2018.8614551"
)


KIM_2019 = (
    "S. Kim et al., Metal-oxide based, CMOS-compatible ECRAM for deep learning accelerator, IEDM 2019, "
    "doi:10.1109/IEDM19573.2019.8993463"
)


OPEN_LOOP = (
    "Open-loop analog programmable electrochemical memory array, Nat. Commun. 14 (2023), doi:10.1038/s41467-023-41958-4"
)


HOROWITZ = "M. Horowitz, Computing's energy problem, ISSCC 2014, doi:10.1109/ISSCC.2014.6757323 (45 nm, 0.9 V)"


WALDEN = "range over published converters: B. Murmann, ADC Performance Survey; B. E. Jonsson, ADC survey (2013)"


DAVIES = (
    "M. Davies et al., Loihi: a neuromorphic manycore processor with on-chip learning, IEEE Micro 38, 82 (2018), "
    "doi:10.1109/MM.2018.112130359"
)
