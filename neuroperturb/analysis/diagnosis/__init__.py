"""Measurements of a run beyond its loss: whether its rule can learn on its hardware, and what would help.

* :mod:`~neuroperturb.analysis.diagnosis.perturbation_snr`: the share of the perturbation, and of the reward, that a rule is credited with
* :mod:`~neuroperturb.analysis.diagnosis.write_fidelity`: how faithfully the requested changes are written
* :mod:`~neuroperturb.analysis.diagnosis.diagnosis`: both, measured on the first steps of a run, and the limiting ratio
"""
