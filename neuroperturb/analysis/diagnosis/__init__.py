"""What can be measured of a run besides its loss: whether its rule can learn on its hardware, and what would help.

* :mod:`~neuroperturb.analysis.diagnosis.perturbation_snr`: what a rule is told of what perturbs the network, and of the reward
* :mod:`~neuroperturb.analysis.diagnosis.write_fidelity`: what becomes of the changes it asks for
* :mod:`~neuroperturb.analysis.diagnosis.diagnosis`: both, measured on the first steps of a run, and the one ratio that limits it
"""
