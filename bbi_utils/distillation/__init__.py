"""Distilling a student on the teacher's answers. Importing this loads no model library."""

from bbi_utils.distillation.anatomy import anatomy
from bbi_utils.distillation.examples import encode_example, lessons_of
from bbi_utils.distillation.lora import LoraSettings, train_adapter

__all__ = ["LoraSettings", "anatomy", "encode_example", "lessons_of", "train_adapter"]
