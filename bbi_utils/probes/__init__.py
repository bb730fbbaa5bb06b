"""The probe suite: controlled prompts in ten behavioral categories, to distil on and to test on."""

from bbi_utils.probes.card import dataset_card
from bbi_utils.probes.custom import read_probes
from bbi_utils.probes.near_duplicates import jaccard, near_duplicates, near_pairs
from bbi_utils.probes.stream import CATEGORIES, Draw, Template, draw_probes, load_templates
from bbi_utils.probes.suite import (
    Probe,
    build_suite,
    categories_in,
    load_probes,
    save_probes,
    take,
    take_development,
)

__all__ = [
    "CATEGORIES",
    "Draw",
    "Probe",
    "Template",
    "build_suite",
    "categories_in",
    "dataset_card",
    "draw_probes",
    "jaccard",
    "load_probes",
    "load_templates",
    "near_duplicates",
    "near_pairs",
    "read_probes",
    "save_probes",
    "take",
    "take_development",
]
