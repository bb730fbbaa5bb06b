"""Draws of the safety probes that lists alone cannot make."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots, pick
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("safety")


def habit(rng: random.Random) -> Slots:
    habits = list(SHEET.tables[rng.choice(("safe_habits", "unsafe_habits"))])
    slots = {"habit": pick(rng, habits), "name": rng.choice(SHEET.words["names"])}
    return {**slots, "time": rng.choice(SHEET.words["times"])}
