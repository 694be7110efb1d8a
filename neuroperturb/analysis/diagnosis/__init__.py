"""What can be measured of a run other than its loss: whether its rule can learn on its hardware, and what would help.

* :mod:`~neuroperturb.analysis.diagnosis.perturbation_snr`: the part of the perturbation, and of the reward, that a rule is credited with
* :mod:`~neuroperturb.analysis.diagnosis.write_fidelity`: what becomes of the requested changes
* :mod:`~neuroperturb.analysis.diagnosis.diagnosis`: both, measured on the first steps of a run, and the one ratio that limits it
"""
