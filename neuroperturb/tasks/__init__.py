"""Tasks for a network to learn.

===================== ========================================================= ==============================
name                  what                                                      trivial baselines
===================== ========================================================= ==============================
mackey-glass          predict or recall a chaotic signal                        mean, persistence
copying               repeat a string of bits after a delay                     guess
symbol-copying        repeat a string of symbols, scored at every step          guess
weather               predict the temperature at one station                    mean, persistence
digits                classify a handwritten digit, pixel by pixel              guess
mnist                 the same with digits of 28 × 28 pixels                    guess
delayed-xor           credit task A: do two cues, far apart, differ?            guess
context-integration   credit task B: integrate the cued stream                  guess
bit-copying           credit task C: hold fresh bits through noise              guess
series                your own: forecast columns of a CSV or parquet file       mean, persistence
arrays                your own: trials in arrays or an npz file                 mean, guess
bandit, delayed-match, t-maze, cart-pole, pendulum: worlds, which pay rewards   random; :mod:`.worlds`
===================== ========================================================= ==============================

A task is a frozen record of parameters, and ``task.data(seed, batch_size)`` makes its data. A new task is one new
file and one line in ``TASKS``; your own is given as ``module:Class`` or ``path/to/file.py:Class`` (:mod:`.user_task`), is one method
where trials are drawn (:class:`TrialTask`), and is tested by :func:`check_task`.
"""

from neuroperturb.tasks.arrays import Arrays as Arrays
from neuroperturb.tasks.bit_copying import BitCopying as BitCopying
from neuroperturb.tasks.check_task import check_task as check_task
from neuroperturb.tasks.context_integration import ContextIntegration as ContextIntegration
from neuroperturb.tasks.contract import Dataset as Dataset
from neuroperturb.tasks.contract import Sequence as Sequence
from neuroperturb.tasks.contract import Task as Task
from neuroperturb.tasks.copying import Copying as Copying
from neuroperturb.tasks.delayed_xor import DelayedXOR as DelayedXOR
from neuroperturb.tasks.digits import SequentialDigits as SequentialDigits
from neuroperturb.tasks.mackey_glass import MackeyGlass as MackeyGlass
from neuroperturb.tasks.mnist import Mnist as Mnist
from neuroperturb.tasks.series_file import Series as Series
from neuroperturb.tasks.symbol_copying import SymbolCopying as SymbolCopying
from neuroperturb.tasks.trial_task import TrialTask as TrialTask
from neuroperturb.tasks.user_task import OwnTask as OwnTask
from neuroperturb.tasks.weather import Weather as Weather
from neuroperturb.tasks.worlds.bandit import Bandit as Bandit
from neuroperturb.tasks.worlds.cart_pole import CartPole as CartPole
from neuroperturb.tasks.worlds.delayed_match import DelayedMatch as DelayedMatch
from neuroperturb.tasks.worlds.gymnasium_world import GymnasiumWorld as GymnasiumWorld
from neuroperturb.tasks.worlds.pendulum import Pendulum as Pendulum
from neuroperturb.tasks.worlds.t_maze import TMaze as TMaze

TASKS: dict[str, type[Task]] = {
    "mackey-glass": MackeyGlass,
    "copying": Copying,
    "symbol-copying": SymbolCopying,
    "weather": Weather,
    "digits": SequentialDigits,
    "mnist": Mnist,
    "delayed-xor": DelayedXOR,
    "context-integration": ContextIntegration,
    "bit-copying": BitCopying,
    "series": Series,
    "arrays": Arrays,
    "bandit": Bandit,
    "delayed-match": DelayedMatch,
    "t-maze": TMaze,
    "cart-pole": CartPole,
    "pendulum": Pendulum,
    "gymnasium": GymnasiumWorld,
}
