"""Specifications: frozen records of parameters that validate themselves, with one-sentence errors."""

from neuroperturb.spec.errors import LARGEST as LARGEST
from neuroperturb.spec.errors import InputError as InputError
from neuroperturb.spec.errors import SpecError as SpecError
from neuroperturb.spec.errors import Words as Words
from neuroperturb.spec.errors import close as close
from neuroperturb.spec.errors import suggest as suggest
from neuroperturb.spec.memory import available as available
from neuroperturb.spec.memory import require_memory as require_memory
from neuroperturb.spec.specification import Spec as Spec
