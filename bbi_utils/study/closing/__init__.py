"""The gap that distillation leaves, and a second round of training that is to close it.

`training` has the arms and trains them, `measuring` judges a student on held-out prompts, `results` carries
all of it out and finds what is finished. No stage of the study reaches this folder, so a change to it runs
nothing again.
"""
