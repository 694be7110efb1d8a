"""Studies: many runs from one declaration; safe to interrupt, the same on threads, shards and clusters, ending in figures.

Rooms, and what flows between them:

    FILE.toml ─▶ declaration ─▶ grid ──────────▶ scheduler ⇄ workers ─▶ store ───▶ table ──▶ figures, html
                 what is asked   every run of it,  which run   one run     one file   one row    PNG, HTML,
                                 and its name      next        (run_one)   a run      a run      CSV

====================  ==========================================================  =====================  ================
file in the folder    what it is                                                  written by             read by
====================  ==========================================================  =====================  ================
``cells.json``        the declaration, and every cell with the names of its runs  scheduler, at first    table
``runs/NAME.nc``      a run, finished or diverged; or interrupted: a checkpoint   whoever ran it         scheduler, table
``failed/NAME.json``  why a run could not be run                                  whoever tried          scheduler, table
``fits/NAME.json``    baselines of one task and seed: no rule, no network         whoever fitted         table
``claims/NAME``       a lease: this run is being done, and by whom                whoever starts a run   everybody else
``report/``           page, figures and tables                                    html                   people
====================  ==========================================================  =====================  ================

A *cell* is a point of the axes, seeds left out; a *run* is a cell with a seed and, in a search, a setting tried. The name of a run
is a digest of its experiment, of the versions that compute and of what classes of one's own do
(:mod:`.run_name`), so a file is right if its name is, whoever wrote it: nothing is locked, nothing is merged, and adding
an axis value leaves all other runs as they are. What a run computes depends on its experiment alone; therefore threads,
processes, shards and cluster workers give the same bits, and two that do the same run by accident do no harm.

Everything is written under another name and renamed. A process that dies, whatever way, loses what it had not saved: the
runs in flight, since their last checkpoint.
"""

from neuroperturb.study.declaration import Study as Study
from neuroperturb.study.declaration import load as load
from neuroperturb.study.grid import Cell as Cell
from neuroperturb.study.grid import lay_out as lay_out
from neuroperturb.study.store import StudyFolder as StudyFolder
