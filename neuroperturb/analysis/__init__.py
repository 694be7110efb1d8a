"""Analysis of rules: alignment with the gradient, diagnosis on hardware, audit, recorded cases, speed."""
