"""Audit of a rule: is it local, what would it cost on chip, which engines could run it, and does it survive fixed-point arithmetic?

graph, tracing             a formula's expression, found by running it on traced values
products                   sum-of-products form
captures                   hidden inputs of a formula: global and captured variables
quantities, anatomy        the quantities a rule uses, and where
costs, engines, fits       its costs, and which engines could run it
permutation, checks        its dependencies, tested on compiled kernels
program, fixed_point       a rule in the fixed-point arithmetic of an engine
"""
