"""Distilling a student on the teacher's answers. Importing this loads no model library."""

from bbi_utils.distillation.anatomy import anatomy
from bbi_utils.distillation.examples import collate, encode_example, graded_tokens, lessons_of
from bbi_utils.distillation.lora import LoraSettings, answer_loss, build_student, train_adapter

__all__ = [
    "LoraSettings",
    "anatomy",
    "answer_loss",
    "build_student",
    "collate",
    "encode_example",
    "graded_tokens",
    "lessons_of",
    "train_adapter",
]
