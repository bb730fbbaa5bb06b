"""What a study needs at most: memory and time of each step, from its profile and the shapes of its models.

Tokens are upper bounds, and so is what follows from them. `python -m benchmarks.rehearsal` holds the formulas
against what it measures, at the sizes of a profile, with small models that stand in for its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bbi_utils.oracles.likelihood import ELEMENTS
from bbi_utils.oracles.quantised import UNPACKED
from bbi_utils.oracles.references import kind_of
from bbi_utils.provenance import cores, gpus
from bbi_utils.study.params import Study
from bbi_utils.study.shapes import Shape, shape_of

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "nf4": 0.6}  # nf4 with its scales and embeddings
BASE = 0.8e9  # a notebook's process with the model libraries loaded
PROMPT = 60  # tokens of a prompt in its template; the suite's have 20 to 40 of their own
LETTERS = 5  # of a token
# Operations a second, sustained: a core's as measured by the rehearsal, a GPU's only a guess.
CORE, GPU = 20e9, 20e12
DRAWING = 800.0  # operations' worth of time for each word of a vocabulary from which a token is drawn
CALL = 0.7e-3  # seconds of a layer's call beside what it computes


Cost = tuple[float, float]  # bytes and seconds
UNKNOWN = (None, None)


@dataclass(frozen=True)
class Need:
    """What one step of a stage needs at most. units: how many of the same it is; None: nobody knows."""

    stage: str
    what: str
    units: int
    memory: float | None
    seconds: float | None


def runs_on_gpu(study: Study) -> bool:
    """Whether the study's device comes out as a GPU on this machine."""
    return study.device.startswith("cuda") or (study.device == "auto" and bool(gpus()))


def precision(study: Study) -> str:
    """The dtype that `auto` becomes: bfloat16 on a GPU, float32 on a CPU."""
    if study.dtype != "auto":
        return study.dtype
    return "bfloat16" if runs_on_gpu(study) or study.profile == "paper" else "float32"


class Sizes:
    """The formulas, for one study on this machine."""

    def __init__(self, study: Study) -> None:
        self.study, self.new = study, study.max_new_tokens
        self.length = PROMPT + self.new
        self.gpu, self.dtype = runs_on_gpu(study), precision(study)
        self.learner = "nf4" if study.quantisation == "nf4" else self.dtype  # how the student's weights lie
        threads = max(1, cores() // max(1, len(study.pairs)))  # pairs run side by side
        self.speed = GPU if self.gpu else CORE * threads
        self.contrasts = 3 + study.teacher_4bit
        k = study.folds
        # The ensemble's members leave out every two folds too; with two folds, two parts of each.
        self.trainings = k + k * (k - 1) // 2 if k > 2 else 6

    def weights(self, shape: Shape, kind: str) -> float:
        """Bytes of a model; on a CPU a small one lies beside its 4-bit form in float32 (`frozen.unpack`)."""
        on_cpu = (kind, self.dtype, self.gpu) == ("nf4", "float32", False)
        return shape.numbers * (BYTES[kind] + 4 * (on_cpu and 4 * shape.numbers <= UNPACKED))

    def answering(self, shape: Shape, kind: str, times: int) -> Cost:
        """Memory and seconds of sampling: weights, keys and values of a batch, and its logits a few times."""
        batch, size = min(self.study.batch_size, times), BYTES[self.dtype]
        kept = batch * self.length * shape.layers * 2 * shape.keys * size
        memory = BASE + self.weights(shape, kind) + kept + batch * shape.words * 24
        steps = -(-times // self.study.batch_size) * self.new
        drawn = DRAWING * times * self.new * shape.words / self.speed
        return memory, self.passes(shape, times * self.length) + drawn + steps * shape.layers * CALL

    def passes(self, shape: Shape, tokens: float, *, each: float = 2.0) -> float:
        """Seconds of so many tokens through a model, at `each` operations a number."""
        return each * shape.numbers * tokens / self.speed

    def distilling(self, shape: Shape, examples: int) -> Cost:
        """Weights, adapter with gradients and moments, and what one batch keeps for its backward pass.

        On a CPU a batch is computed in parts of about a gigabyte (`lora.tokens_at_once`), and a small student
        lies unpacked (`weights`).
        """
        study, size = self.study, BYTES[self.dtype]
        length = min(study.max_length, self.length)
        token = size * 28 * shape.layers * shape.width + (8 + size) * shape.words
        tokens = study.train_batch_size * length
        kept = tokens * token if self.gpu else min(tokens * token, max(1e9, length * token))
        adapter = 16 * study.lora_r * shape.layers * 24 * shape.width
        seconds = self.passes(shape, examples * study.epochs * length, each=5.0)
        steps = -(-examples // study.train_batch_size) * study.epochs
        return BASE + self.weights(
            shape, self.learner
        ) + adapter + kept, seconds + 3 * steps * shape.layers * CALL

    def weighing(self, shape: Shape, kind: str, times: int) -> Cost:
        """Likelihoods of answers: a batch's logits, of which some are turned into probabilities at a time."""
        logits = max(ELEMENTS, self.new * shape.words) * 4 * 2.5 + 64 * shape.words * 40
        return BASE + self.weights(shape, kind) + logits, self.passes(shape, times * self.length)

    def reading(self, shape: Shape, tokens: int, texts: int) -> float:
        """Memory of an encoder's pass without gradients over so many texts: scores, and the widest layer."""
        return texts * tokens * 4 * (12 * shape.width + 2 * tokens * max(1, shape.width // 64))

    def fine_tuning(self, shape: Shape, *, joint: bool) -> Cost:
        """All trainings of an encoder, for its own scores and the ensemble's, in all contrasts.

        Weights; of the trained part a copy, gradients and two moments; what a batch keeps for its backward
        pass; and the frozen layers' states of the texts read last.
        """
        from bbi_utils.adversaries.backbone import KEPT, ROOM, EncoderSettings

        study, n = self.study, self.study.n_test
        layers = min(study.encoder_layers or shape.layers, shape.layers)
        trained = min(study.encoder_trainable_layers or layers, layers)
        tokens = min(study.encoder_max_length, 2 * self.new + 3 if joint else self.length)
        embedded = shape.numbers - shape.layers * shape.layer
        learns = trained * shape.layer + (embedded if trained == layers else 0)
        heads, batch = max(1, shape.width // 64), 2 * EncoderSettings.batch_size
        kept: float = batch * tokens * trained * 4 * (34 * shape.width + 8 * tokens * heads)
        kept = max(kept / (2.0 if self.gpu else 1.0), self.reading(shape, tokens, 64))
        states = 4.0 * tokens * shape.width
        texts = min(KEPT, n * (1 + 3 * self.contrasts))  # one by one, and each answer after the other
        held = max(min(texts * states, ROOM + n * states), 2 * n * states) if trained < layers else 0.0
        memory = BASE + 4 * (shape.numbers + embedded + 4 * learns) + kept + held
        seen = 2 * n * tokens * self.contrasts * self.trainings * (1 - 1.5 / study.folds)
        # A trained layer reads forward and back each epoch, a frozen one once a text, as long as it is kept.
        work = seen * shape.layer * (6 * trained * study.encoder_epochs + 2 * (layers - trained))
        work *= 1 + tokens / (6 * shape.width)
        return memory, work / self.speed

    def counting(self, name: str) -> Cost:
        """The adversaries that count; those of n-grams keep the counts of every text that they have met."""
        study, n, letters = self.study, self.study.n_test, LETTERS * self.new
        grams = {"word_ngrams": 2 * self.new, "char_ngrams": 3.2 * letters}.get(name, 0)
        taken_away = 2 * 4 * study.folds if grams or name == "stylometric" else 0
        met = n * (1 + self.contrasts + (16 if grams else 0))
        memory = BASE + met * grams * 8 * 1.5 + 2 * n * grams * 12 * 8
        grown = 4e-3 if name == "stylometric" else 1e-3  # trees
        each = 2 * n * grams * 2e-6 + n * grown + 2 * n * letters * 2e-7
        return memory, each * (self.contrasts * self.trainings + taken_away)

    def judging(self, shape: Shape, times: int) -> Cost:
        """Questions that hold a prompt and two answers; only what comes next is asked."""
        length, batch = PROMPT + 50 + 2 * self.new, self.study.batch_size
        memory = BASE + shape.numbers * BYTES[self.dtype] + batch * shape.words * 24
        return memory + self.reading(shape, length, batch), self.passes(shape, times * length)

    def buying(self, shape: Shape, kind: str) -> Cost:
        """Every student on a budget: distilled, then asked."""
        study = self.study
        rounds = len(study.strategies) * study.budget_seeds
        learned = self.distilling(shape, rounds * sum(study.budgets))
        said = self.answering(shape, kind, rounds * len(study.budgets) * study.n_budget_test)
        return max(learned[0], said[0]), learned[1] + said[1]

    def comparing(self, shape: Shape) -> Cost:
        """Similarity: an encoder that is not trained reads every answer once.

        What a batch has freed is of no use to a next one of longer texts: memory twice.
        """
        tokens, texts = min(256, self.new), self.study.n_test * (1 + self.contrasts)
        memory = BASE + 4 * shape.numbers + 2 * self.reading(shape, tokens, 64)
        return memory, 2 * texts * tokens * shape.layers * shape.layer / self.speed

    def testing(self) -> Cost:
        """Kernel tests: two matrices of every two answers of a contrast, and the counts behind one."""
        both = 2.0 * self.study.n_test
        grams = both * 5 * LETTERS * self.new * 0.6 * 12 * 4
        return BASE + 4 * 8 * both**2 + grams, self.contrasts * both * (0.01 + self.new * 1e-4)


def needs(study: Study) -> list[Need]:
    """Every step of a pair that takes much on this machine, in the order of a run."""
    sizes, n, found = Sizes(study), study.n_test, list[Need]()
    kind = sizes.learner
    said = study.n_distill + study.n_development + (2 + study.teacher_4bit) * n
    cells = len(study.strategies) * study.budget_seeds * len(study.budgets)
    asked = {"teacher": n * (5 + 2 * study.teacher_4bit), "student": 4 * n}

    def add(stage: str, what: str, units: int, role: str, need: Callable[[Shape], Cost]) -> None:
        if role in study.roles and kind_of(study.model(role)[0]) == "weights":
            shape = shape_of(*study.model(role))
            found.append(Need(stage, what, units, *(need(shape) if shape else UNKNOWN)))

    add("02", "teacher answers", said, "teacher", lambda s: sizes.answering(s, sizes.dtype, said))
    add("03", "student answers", 2 * n, "student", lambda s: sizes.answering(s, kind, 2 * n))
    learned = study.n_distill
    add("03", "distillation", learned, "student", lambda s: sizes.distilling(s, learned))
    add("03", "teacher weighs answers", asked["teacher"], "teacher",
        lambda s: sizes.weighing(s, sizes.dtype, asked["teacher"]))  # fmt: skip
    if kind_of(study.teacher) == "weights":
        add("03", "student weighs answers", asked["student"], "student",
            lambda s: sizes.weighing(s, kind, asked["student"]))  # fmt: skip
    found += adversaries_of(study, sizes)
    add("05", "judge", 6 * study.n_judge, "judge", lambda s: sizes.judging(s, 6 * study.n_judge))
    found.append(Need("06", "kernel tests", sizes.contrasts, *sizes.testing()))
    add(
        "08", "base student answers the pool", learned, "student", lambda s: sizes.answering(s, kind, learned)
    )
    add("08", "students on a budget", cells, "student", lambda s: sizes.buying(s, kind))
    return found


def adversaries_of(study: Study, sizes: Sizes) -> list[Need]:
    """Similarity, and each adversary of the registry that plays in 04, with how many trainings.

    Nobody knows what the user's own ones take.
    """
    from bbi_utils.adversaries import EncoderSettings, all_adversaries  # loads scikit-learn

    settings = [EncoderSettings(model=name) for name in study.encoders]
    readers = {one.name + end: (one.model, bool(end)) for one in settings for end in ("", "_joint")}
    ours, everybody = all_adversaries(*settings), all_adversaries(*settings, own=study.own_adversaries)

    def cost(name: str) -> Cost | tuple[None, None]:
        if name not in readers:
            return sizes.counting(name) if name in ours else UNKNOWN
        model, joint = readers[name]
        shape = shape_of(model)
        return sizes.fine_tuning(shape, joint=joint) if shape else UNKNOWN

    alike = shape_of(study.sentence_encoder)
    texts = study.n_test * (1 + sizes.contrasts)
    found = [Need("04", "similarity", texts, *(sizes.comparing(alike) if alike else UNKNOWN))]
    return found + [Need("04", name, sizes.trainings * sizes.contrasts, *cost(name)) for name in everybody]
