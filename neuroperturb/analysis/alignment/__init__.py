"""How closely the update of a rule follows the gradient."""
