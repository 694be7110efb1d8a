"""Auditing a rule: is it local, what would it cost on chip, which engines could run it, and does it survive their integers?

graph, tracing             a formula's expression, found by running it on values that remember
products                   sum-of-products form
captures                   what a formula reads behind its arguments
quantities, anatomy        what a rule uses, and where
costs, engines, fits       what it costs, and which engines could run it
permutation, checks        the same, tested on compiled kernels
program, fixed_point       a rule in the integers of an engine
"""
