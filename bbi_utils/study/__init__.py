"""The driver: parameters, stages, what has to run again, and the commands."""
