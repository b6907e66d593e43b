"""Reports what callers used of the models, and manages the limits of single callers."""
