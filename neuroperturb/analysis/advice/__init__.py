"""Advice on hardware: what limits learning on a device, and which writing the evidence recommends.

limits      numbers of a device, and sentences on those that hurt
evidence    rows of the study that was run on every array: what was learned with which writing, and at what cost
advisor     both, put together
answer      the verdict on a run, in two or three sentences
"""
