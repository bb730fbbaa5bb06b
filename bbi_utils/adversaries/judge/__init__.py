"""A language model as judge: which of two answers is the teacher's?"""

from bbi_utils.adversaries.judge.local import JUDGE_TEMPLATE
from bbi_utils.adversaries.judge.verdicts import judge_pairs, judge_quantities, load_judge, to_scores

__all__ = ["JUDGE_TEMPLATE", "judge_pairs", "judge_quantities", "load_judge", "to_scores"]
