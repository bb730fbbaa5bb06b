"""A fine-tuned encoder that sees both answers at once: each is read after the other, as one text pair.

Attention runs between the two answers, so what it can use need not be visible in either of them alone: that
this one contradicts that one, is the tidier of the two, or repeats its words. With s(a | b) the score of a
read after b, the pair is scored

    f(a, b) = s(a | b) - s(b | a),

so swapping the answers flips the sign exactly, and equal answers tie exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bbi_utils.adversaries.backbone import Trunk
from bbi_utils.adversaries.encoder import EncoderSettings, FineTunedEncoder, shared_trunk


def joint_factory(
    settings: EncoderSettings, trunk: Callable[[], Trunk] | None = None
) -> Callable[[], JointAdversary]:
    """Makes fresh joint readers on one loaded encoder; ``max_length`` is for both answers together."""
    trunk = trunk or shared_trunk(settings)
    return lambda: JointAdversary(settings, trunk())


class JointAdversary(FineTunedEncoder):
    """Plays the pairwise game only: without the other answer it has nothing to say.

    It does not read the prompt, which both answers share; the room is left to the answers.
    """

    def __init__(self, settings: EncoderSettings, trunk: Trunk) -> None:
        super().__init__(settings, trunk)
        self.name = joint_name(settings)

    def _contexts(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        return second, first


def joint_name(settings: EncoderSettings) -> str:
    """What the joint reader on an encoder is called."""
    return f"{settings.name}_joint"
