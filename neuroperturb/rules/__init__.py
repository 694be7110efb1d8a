"""Learning rules: a contract, and one axis of a rule a file."""

from neuroperturb.rules.baseline import Antithetic as Antithetic
from neuroperturb.rules.baseline import CleanTwin as CleanTwin
from neuroperturb.rules.catalogue import DECORRELATED as DECORRELATED
from neuroperturb.rules.catalogue import RULES as RULES
from neuroperturb.rules.catalogue import make as make
from neuroperturb.rules.contract import PerturbationRule as PerturbationRule
from neuroperturb.rules.credit import Instant as Instant
from neuroperturb.rules.credit import Trace as Trace
from neuroperturb.rules.noise import Gaussian as Gaussian
from neuroperturb.rules.noise import Rademacher as Rademacher
from neuroperturb.rules.noise import Uniform as Uniform
from neuroperturb.rules.normaliser import LayerNorm as LayerNorm
from neuroperturb.rules.normaliser import NoiseStd as NoiseStd
from neuroperturb.rules.normaliser import NoiseVariance as NoiseVariance
from neuroperturb.rules.normaliser import RunningVariance as RunningVariance
from neuroperturb.rules.probe import ActivityDifference as ActivityDifference
from neuroperturb.rules.probe import InjectedNoise as InjectedNoise
from neuroperturb.rules.probe import WeightNoise as WeightNoise
from neuroperturb.rules.rate import Constant as Constant
from neuroperturb.rules.rate import Cosine as Cosine
from neuroperturb.rules.rate import Exponential as Exponential
from neuroperturb.rules.step import RMS as RMS
from neuroperturb.rules.step import Plain as Plain
