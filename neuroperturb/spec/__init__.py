"""Specifications: frozen records of parameters that validate themselves, and the one sentence that refuses them."""

from neuroperturb.spec.errors import InputError as InputError
from neuroperturb.spec.errors import SpecError as SpecError
from neuroperturb.spec.errors import Words as Words
from neuroperturb.spec.errors import close as close
from neuroperturb.spec.errors import suggest as suggest
from neuroperturb.spec.specification import Spec as Spec
