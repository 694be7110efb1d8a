"""Studies: many runs from one declaration; safe to interrupt, the same on threads, shards and clusters, ending in figures.

Rooms, and what flows between them:

    FILE.toml ─▶ declaration ─▶ grid ──────────▶ scheduler ⇄ workers ─▶ store ───▶ table ──▶ figures, html
                 the study       every run,        which run   one run     one file   one row    PNG, HTML,
                                 and its name      is next     (run_one)   per run    per run    CSV

====================  ==========================================================  =====================  ================
file in the folder    what it is                                                  written by             read by
====================  ==========================================================  =====================  ================
``cells.json``        the declaration, and every cell with the names of its runs  scheduler, at start    table
``runs/NAME.nc``      a run, finished or diverged; or interrupted: a checkpoint   whoever ran it         scheduler, table
``failed/NAME.json``  why a run failed                                            whoever tried          scheduler, table
``fits/NAME.json``    baselines of one task and seed: no rule, no network         whoever fitted         table
``claims/NAME``       a lease: this run is being done, and by whom                whoever starts a run   all others
``report/``           page, figures and tables                                    html                   users
====================  ==========================================================  =====================  ================

A *cell* is a point of the axes without the seeds; a *run* is a cell with a seed and, in a search, a candidate setting. The name of a
run is a digest of its experiment, of the versions of the libraries and of the code of custom classes
(:mod:`.run_name`), so a file is valid if its name is, whoever wrote it: nothing is locked, nothing is merged, and adding
an axis value leaves all other runs unchanged. The result of a run depends on its experiment alone; therefore threads,
processes, shards and cluster workers give identical bits, and doing the same run twice by accident does no harm.

Everything is written under a temporary name and renamed. A process that dies, for whatever reason, loses only the work of its active
runs since their last checkpoint.
"""

from neuroperturb.study.declaration import Study as Study
from neuroperturb.study.declaration import load as load
from neuroperturb.study.grid import Cell as Cell
from neuroperturb.study.grid import lay_out as lay_out
from neuroperturb.study.store import StudyFolder as StudyFolder
