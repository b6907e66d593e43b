"""What functions and deployment agree on: places in the bucket, and the thresholds of alarms."""

# Of the files of batches: uploaded, written by slices of the work, and for callers.
UPLOADS, WORK, RESULTS = "batches", "work", "results"
# Of all models. Only the API writes below the second, only the function that trains below the third.
PREFIX = "models"
REGISTERED = f"{PREFIX}/registered"
TRAINED = f"{PREFIX}/trained"
# Of observed by predicted defaults, or the inverse: outside 0.8 to 1.25.
MAXIMUM_DEVIATION = 1.25
