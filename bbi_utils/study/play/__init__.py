"""The human adversary: "can you tell which one the teacher wrote?", blind, on answers that are there already.

`table` is what is played on, `deck` what is shown in which order, `verdicts` a player's file, `game` the
state between two verdicts, `server` the page, `players` the rows of the scores table, `outcome` the end.
No stage of the study reaches this folder, so a change to it runs nothing again.
"""
