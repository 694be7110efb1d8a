"""Worlds to act in, for a reward, compiled: thousands of trials side by side.

=============== ==================================================== =============== =========================
name            what is seen                                         action          reward
=============== ==================================================== =============== =========================
bandit          which context it is, once                            2 choices       1 or 0, by chance
delayed-match   two cues, far apart                                  2 choices       1 if the answer is right
t-maze          a cue at the start, then the corridor                3 choices       4 right, −0.1 wrong
cart-pole       position and angle, no velocities                    2 choices       1 a step until it falls
pendulum        the direction of the pendulum, not its speed         a torque        −(θ² + 0.1 θ̇² + 0.001 u²)
gymnasium       what an environment of Gymnasium shows               its own         its own
=============== ==================================================== =============== =========================

A world is a task (:mod:`.task`), two compiled functions (:mod:`.contract`), one file, and one line in
:data:`neuroperturb.tasks.TASKS`; :class:`.Environment` steps it from Python.
"""

from neuroperturb.tasks.worlds.bandit import Bandit as Bandit
from neuroperturb.tasks.worlds.cart_pole import CartPole as CartPole
from neuroperturb.tasks.worlds.contract import CompiledWorld as CompiledWorld
from neuroperturb.tasks.worlds.delayed_match import DelayedMatch as DelayedMatch
from neuroperturb.tasks.worlds.environment import Environment as Environment
from neuroperturb.tasks.worlds.gymnasium_world import GymnasiumWorld as GymnasiumWorld
from neuroperturb.tasks.worlds.pendulum import Pendulum as Pendulum
from neuroperturb.tasks.worlds.t_maze import TMaze as TMaze
from neuroperturb.tasks.worlds.task import WorldTask as WorldTask
from neuroperturb.tasks.worlds.task import WorldTrials as WorldTrials
