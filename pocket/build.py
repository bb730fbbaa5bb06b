"""The recipe of the pocket models, from questions to model cards. `make pocket` runs it."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bbi_utils import paths
from pocket import world
from pocket.architecture import Size, new_model, train_tokenizer
from pocket.cards import OTHER, card
from pocket.pretrain import Schedule, encode, train
from pocket.voices import STUDENTS, TEACHERS

PARTS = ("teacher", "student")
SIZES = {"teacher": Size(256, 6, 448), "student": Size(128, 4, 320), "judge": Size(128, 3, 320)}
TEACHER = Schedule(7_000_000, batch_tokens=1024)
MANY_VOICES = Schedule(5_000_000)
OWN_VOICE = Schedule(300_000, matrix_rate=0.002, vector_rate=0.003)
JUDGE = Schedule(2_000_000, batch_tokens=1536, matrix_rate=0.004, vector_rate=0.005)
QUESTIONS = 150_000  # about 46 tokens each with their answers, so no lesson goes over many of them twice
CONTESTS = 20_000
SEEDS = {"qwen": 1, "llama": 2}


def save(model: Any, tokenizer: Any, name: str, seed: int, schooling: dict[str, str], out: Path) -> None:
    """Weights in bf16 as safetensors, tokenizer, generation settings and a card of how it was made."""
    import torch

    folder = out / name
    about = {"architecture": type(model).__name__, "parameters": f"{model.num_parameters():,}", "seed": seed}
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(card(name, about | schooling), encoding="utf-8")


def judge_from(student: Any, family: str, tokenizer: Any, *, seed: int) -> Any:
    """A judge that starts from the lower layers of its family's many-voiced student."""
    judge = new_model(family, SIZES["judge"], tokenizer, seed=seed)
    kept = judge.state_dict().keys()
    judge.load_state_dict({name: value for name, value in student.state_dict().items() if name in kept})
    return judge


def build_family(family: str, out: Path, *, parts: Sequence[str] = PARTS, scale: float = 1.0) -> None:
    """A family's teacher, student and judge, which is schooled on, and will judge, the other pair.

    Killed and called again, it continues from the checkpoints in `out`.
    """
    seed = SEEDS[family]
    questions = world.world_questions(QUESTIONS, seed=seed)
    broad = list(world.voiced(questions, None, seed=seed + 10))
    contests = list(world.comparisons(questions[:CONTESTS], OTHER[family], seed=seed + 20))
    texts = [text for example in broad[:25_000] for text in (example.prompt, example.answer)]
    tokenizer = train_tokenizer(family, texts + [example.prompt for example in contests[:2_000]])

    checkpoints: list[Path] = []

    def school(
        model: Any, part: str, lesson: str, examples: list[world.Example], schedule: Schedule
    ) -> dict[str, str]:
        brief = dataclasses.replace(schedule, tokens=int(schedule.tokens * scale))
        began = time.monotonic()
        name = f"{family}-{part}"
        checkpoint = out / f"{name}-{lesson.replace(' ', '-')}.checkpoint.pt"
        losses = train(model, encode(tokenizer, examples), brief, seed=seed, name=name, checkpoint=checkpoint)
        checkpoints.append(checkpoint)
        last = sum(losses[-50:]) / len(losses[-50:])
        print(f"{family}-{part}, {lesson}: {time.monotonic() - began:.0f} s, loss {last:.3f}", flush=True)
        return {lesson: f"{brief.tokens:,} tokens, final loss {last:.3f} nats a token, {brief}"}

    if "teacher" in parts:
        teacher = new_model(family, SIZES["teacher"], tokenizer, seed=seed)
        taught = list(world.voiced(questions, TEACHERS[family], seed=seed))
        schooling = school(teacher, "teacher", "one voice", taught, TEACHER)
        save(teacher, tokenizer, f"{family}-teacher", seed, schooling, out)
    if "student" in parts:
        student = new_model(family, SIZES["student"], tokenizer, seed=seed)
        first = school(student, "student", "many voices", broad, MANY_VOICES)
        judge = judge_from(student, family, tokenizer, seed=seed)
        own = list(world.voiced(questions[: QUESTIONS // 10], STUDENTS[family], seed=seed + 30))
        second = school(student, "student", "own voice", own, OWN_VOICE)
        save(student, tokenizer, f"{family}-student", seed, first | second, out)
        compared = school(judge, "judge", "contests", contests, JUDGE)
        save(judge, tokenizer, f"{family}-judge", seed, first | compared, out)
    for checkpoint in checkpoints:
        checkpoint.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild the pocket models from scratch on the CPU.")
    parser.add_argument("family", choices=sorted(SEEDS), help="which family to build")
    parser.add_argument("--part", choices=PARTS, help="only the teacher, or only the student and judge")
    parser.add_argument("--out", type=Path, default=paths.WEIGHTS, help="where the model folders go")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="fraction of the training tokens, to try things"
    )
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)  # one thread a family: the two families train side by side, each reproducibly
    parts = (options.part,) if options.part else PARTS
    build_family(options.family, options.out, parts=parts, scale=options.scale)


if __name__ == "__main__":
    main()
