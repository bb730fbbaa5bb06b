"""An adversary of one's own: does the author hedge, exclaim or ask back? See notebook 04."""

from bbi_utils.adversaries import FeatureAdversary

HEDGES = ("maybe", "perhaps", "might", "probably", "I think", "usually")


class Manners(FeatureAdversary):
    name = "manners"

    def features(self, prompts, answers):
        return [(sum(map(answer.count, HEDGES)), answer.count("!"), answer.count("?")) for answer in answers]
