"""What a model is made of, counted on a real 4-bit student with and without its adapter."""

from __future__ import annotations

from pathlib import Path

from bbi_utils.distillation.anatomy import anatomy
from bbi_utils.distillation.lora import LoraSettings, build_student
from bbi_utils.oracles import checkpoints


def test_a_four_bit_student_with_lora(tiny_qwen: Path) -> None:
    checkpoint = checkpoints.resolve_model(tiny_qwen)
    whole = anatomy(checkpoints.load_model(checkpoint, quantisation="none", dtype="float32", device="cpu"))
    student = build_student(checkpoint, LoraSettings(r=4), dtype="float32", device="cpu", seed=0)
    table = anatomy(student)
    four_bit, lora = table.loc["Linear4bit (NF4)"], table.loc["LoRA"]
    assert four_bit["layers"] == 14 and lora["layers"] == 2 * 14  # seven a block, in two blocks; A and B each
    trained = sum(p.numel() for p in student.parameters() if p.requires_grad)
    assert lora["parameters"] == trained and lora["bits_per_parameter"] == 32
    assert 4 < four_bit["bits_per_parameter"] < 8  # scales and code books weigh more in a tiny layer
    assert "lora_A" in lora["for example"] and "linear" not in table.index
    # Quantising changes how weights are stored, not how many there are; the tied head counts once.
    assert whole["parameters"].sum() == table["parameters"].sum() - trained
    assert "Linear4bit (NF4)" not in whole.index and (whole["bits_per_parameter"] == 32).all()
