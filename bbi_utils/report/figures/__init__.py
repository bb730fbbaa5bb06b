"""Figures from saved results: one look, a colour and a marker an arm, intervals on every estimate."""

from bbi_utils.report.figures.advantage import advantage_figure
from bbi_utils.report.figures.attribution import removal_category_figure, removal_figure
from bbi_utils.report.figures.budget import budget_figure
from bbi_utils.report.figures.categories import category_figure
from bbi_utils.report.figures.judge import judge_figure
from bbi_utils.report.figures.ladder import ladder_figure
from bbi_utils.report.figures.lengths import length_figure
from bbi_utils.report.figures.orders import orders_figure
from bbi_utils.report.figures.queries import queries_figure
from bbi_utils.report.figures.save import save_figure, save_table
from bbi_utils.report.figures.similarity import similarity_figure
from bbi_utils.report.figures.style import ARMS, STRATEGIES, Mark, use_style
from bbi_utils.report.figures.training import loss_figure
from bbi_utils.report.figures.verdict import verdict_figure
from bbi_utils.report.figures.wealth import wealth_figure

__all__ = [
    "ARMS",
    "STRATEGIES",
    "Mark",
    "advantage_figure",
    "budget_figure",
    "category_figure",
    "judge_figure",
    "ladder_figure",
    "length_figure",
    "loss_figure",
    "orders_figure",
    "queries_figure",
    "removal_category_figure",
    "removal_figure",
    "save_figure",
    "save_table",
    "similarity_figure",
    "use_style",
    "verdict_figure",
    "wealth_figure",
]
