"""Whole conversations in tokens: word markers, templates that drop prompts, a judge's letters, thoughts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import CHATML, CORPUS, make_qwen

from bbi_utils import paths
from bbi_utils.adversaries.judge.remote import log_odds
from bbi_utils.adversaries.judge.verdicts import load_judge
from bbi_utils.distillation.examples import IGNORED, encode_example
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Request, Sampling
from bbi_utils.oracles.chat import conversation_ids, end_of_turn, prompt_ids, render, thought_in, written
from bbi_utils.oracles.checkpoints import load_tokenizer, resolve_model
from bbi_utils.oracles.endpoint.replies import read_reply
from bbi_utils.oracles.replay import ReplayOracle
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

GREEDY = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=8)
# As Llama-2, TinyLlama, Zephyr, Phi-3 and Vicuna write turns. Zephyr does not open the answer's line.
LLAMA2 = (
    "{% for m in messages %}{% if m['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + m['content'] + ' [/INST]' }}{% else %}"
    "{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
TINYLLAMA = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
ZEPHYR = TINYLLAMA.replace("{{ '<|assistant|>\n' }}", "{{ '<|assistant|>' }}")
PHI3 = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
VICUNA = (
    "{% for m in messages %}{{ m['role'].upper() + ': ' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ ' ' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
MARKED = {"llama2": LLAMA2, "tinyllama": TINYLLAMA, "zephyr": ZEPHYR, "phi3": PHI3, "vicuna": VICUNA}
TURNS = [{"role": "user", "content": "What is 2?"}, {"role": "assistant", "content": "It is 2."}]


def word_marking(folder: Path, template: str) -> Path:
    """A checkpoint with a tokenizer like that of Llama-2, in which words begin with ▁."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers
    from transformers import PreTrainedTokenizerFast

    make_qwen(folder, family="Llama", eos=[2], vocab_size=640)
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    letters = ["▁", "\n", *map(chr, range(33, 127))]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=letters, show_progress=False
    )
    corpus = [line.replace(" ", "▁") for line in [*CORPUS, "Answer A", "Answer B", "It", "It", "is", "is"]]
    bpe.train_from_iterator(corpus * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    if template == PHI3:  # whose special tokens swallow the line break after them
        added = [
            AddedToken(f"<|{name}|>", rstrip=True, special=True) for name in ("end", "user", "assistant")
        ]
        tokenizer.add_special_tokens({"additional_special_tokens": added})
    tokenizer.chat_template = template
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / file).unlink(missing_ok=True)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", MARKED)
def test_a_student_is_trained_on_the_tokens_that_its_template_gives(name: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(resolve_model(word_marking(tmp_path / "m", MARKED[name])))
    whole = tokenizer(written(tokenizer, TURNS), add_special_tokens=False)["input_ids"]
    end = {"phi3": "<|end|>"}.get(name, "</s>")
    assert tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer)) == end
    example = encode_example(tokenizer, "What is 2?", "It is 2.")
    asked = prompt_ids(tokenizer, "What is 2?")
    assert example["input_ids"] == whole[: len(example["input_ids"])] and asked == whole[: len(asked)]
    assert example["labels"] == [IGNORED] * len(asked) + whole[len(asked) : len(example["labels"])]
    learned = tokenizer.convert_ids_to_tokens([i for i in example["labels"] if i != IGNORED])
    assert learned[-1] == end and tokenizer.decode(example["labels"][len(asked) :][:-1]).strip() == "It is 2."
    alone = tokenizer("It is 2.", add_special_tokens=False)["input_ids"]
    if name in ("tinyllama", "zephyr"):  # there a word that begins a line has no marker
        assert example["labels"][len(asked) : len(asked) + len(alone)] != alone
    cut = encode_example(tokenizer, "What is 2?", "It is 2.", ended=False)["input_ids"]
    assert cut == example["input_ids"][: len(cut)] and tokenizer.convert_ids_to_tokens(cut)[-1] != end


def test_an_answer_is_weighed_by_the_tokens_that_the_model_would_say(tmp_path: Path) -> None:
    oracle = LocalOracle(word_marking(tmp_path / "m", TINYLLAMA), sampling=GREEDY)
    tokens = oracle.cut("What is 2?", "It is 2.")
    assert list(tokens) == conversation_ids(oracle.tokenizer, "What is 2?", "It is 2.", ended=False)[1]
    assert not oracle.tokenizer.convert_ids_to_tokens(tokens[0]).startswith("▁")


ANSWERS = (
    "Lima is in Peru.",
    "1. One\n2. Two",
    '{"a": 1}',
    "é ß 漢",
    "- x\n\nDone.",
    "`code`",
    "'quoted'",
    "A",
)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in paths.WEIGHTS.glob("*/config.json")))
def test_nothing_changes_where_an_answer_by_itself_has_the_same_tokens(name: str) -> None:
    """As in the shipped models, whose numbers are in the repository: prompt, answer, end of turn."""
    tokenizer = load_tokenizer(resolve_model(f"pocket/{name}"))
    for prompt in ("What is the capital of Peru?", " a\n\nb ", "1. x\n"):
        for answer in ANSWERS:
            alone = list(tokenizer(answer, add_special_tokens=False)["input_ids"])
            apart = (prompt_ids(tokenizer, prompt), [*alone, end_of_turn(tokenizer)])
            assert conversation_ids(tokenizer, prompt, answer) == apart


def test_a_prompt_s_end_that_would_join_the_answer_is_kept_as_it_is_sampled(tmp_path: Path) -> None:
    template = CHATML.replace("assistant\n", "assistant: ")
    tokenizer = load_tokenizer(resolve_model(make_qwen(tmp_path / "m", template=template)))
    asked, answered = conversation_ids(tokenizer, "Hi.", "The rain.")
    assert asked == prompt_ids(tokenizer, "Hi.") and tokenizer.decode(answered) == "The rain.<|im_end|>"
    assert asked + answered != tokenizer(render(tokenizer, "Hi.") + "The rain.<|im_end|>")["input_ids"]


def test_a_template_that_drops_the_prompt_is_refused(tmp_path: Path) -> None:
    parts = "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}{% endfor %}"
    template = (
        "{% for m in messages %}{{ m['role'] + ': ' }}" + parts + "{{ '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    oracle = LocalOracle(make_qwen(tmp_path / "m", template=template), sampling=GREEDY)
    with pytest.raises(BadInput, match="leaves the prompt out .'Name a fruit.'.; expected .* as text"):
        oracle.answer([Request("p", "Name a fruit.")])
    with pytest.raises(BadInput, match="leaves the prompt out"):
        load_judge(str(tmp_path / "m"), device="cpu")
    trimming = CHATML.replace("m['content']", "(m['content'] | trim)")
    spaced = load_tokenizer(resolve_model(make_qwen(tmp_path / "t", template=trimming)))
    assert "a b" in render(spaced, "  a b \n")


def sayer(folder: Path, *chain: str, special: bool = False) -> Path:
    """A checkpoint that says these texts, a token each, to every prompt, and stops."""
    import transformers

    template = CHATML.replace("<|im_start|>assistant\n", "<|im_start|>assistant")
    make_qwen(folder, template=template)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["assistant", "ĠA", "ĠB"])
    tokenizer.add_tokens([text for text in chain if len(text) > 1], special_tokens=special)
    tokenizer.save_pretrained(folder)
    size = -(-len(tokenizer) // 64) * 64
    ids = tokenizer.convert_tokens_to_ids(["assistant", *chain, "<|im_end|>"])
    config = transformers.Qwen2Config(
        vocab_size=size, hidden_size=size, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, tie_word_embeddings=False, eos_token_id=ids[-1],
    )  # fmt: skip
    model = transformers.Qwen2ForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        for one, following in zip(ids, ids[1:], strict=False):
            model.lm_head.weight[following, one] = 50.0
    model.generation_config = transformers.GenerationConfig(eos_token_id=ids[-1])
    model.save_pretrained(folder)
    return folder


QUESTION = (["Name a fruit."] * 2, ["An apple."] * 2, ["A pear.", "A plum."])


@pytest.mark.parametrize(("letter", "sign"), [("A", 1), ("B", -1), ("ĠA", 1), ("ĠB", -1)])
def test_a_judge_that_is_certain_is_not_undecided(letter: str, sign: int, tmp_path: Path) -> None:
    judge = load_judge(str(sayer(tmp_path / "m", letter)), device="cpu")
    assert (sign * judge(*QUESTION) > 20).all()


@pytest.mark.parametrize("name", MARKED)
def test_a_judge_s_letters_are_those_of_its_template(name: str, tmp_path: Path) -> None:
    judge = load_judge(str(word_marking(tmp_path / "m", MARKED[name])), device="cpu")
    tokenizer = judge.tokenizer
    for text, ids in zip("AB", judge.letter_ids, strict=True):
        said = conversation_ids(tokenizer, "?", text, ended=False)[1]
        assert said[: len(judge.lead)] == judge.lead and said[len(judge.lead)] in ids
        assert {text, f"▁{text}"} <= set(tokenizer.convert_ids_to_tokens(ids))
    assert len(judge.lead) == (name == "zephyr")
    found = judge(*QUESTION)
    # Both ways to a letter, added up: at once, and after the line break that the template writes.
    ids = judge.question(*(column[0] for column in QUESTION))
    with torch.inference_mode():
        steps = judge.model(torch.tensor([ids + judge.lead])).logits[0, len(ids) - 1 :].log_softmax(-1).exp()
    way = [1.0, *(float(steps[0, token]) for token in judge.lead)]
    chances = [
        sum(w * float(step[those].sum()) for w, step in zip(way, steps, strict=True))
        for those in judge.letter_ids
    ]
    assert found[0] == pytest.approx(np.log(chances[0] / chances[1]), abs=1e-3)


THOUGHTS = {
    "opened": ("<think>", "Let me see.", "</think>", "Four."),
    "closed only": ("Let me see.", "</think>", "Four."),
    "cut off": ("<think>", *"abcdefghi"),
    "other words": ("<reasoning>", "Let me see.", "</reasoning>", "Four."),
    "Magistral": ("[THINK]", "Let me see.", "[/THINK]", "Four."),
    "gpt-oss": ("<|channel|>", "analysis", "<|message|>", "Let me see."),
}


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("kind", THOUGHTS)
def test_a_local_model_s_thought_is_no_answer(kind: str, special: bool, tmp_path: Path) -> None:
    oracle = LocalOracle(sayer(tmp_path / "m", *THOUGHTS[kind], special=special), sampling=GREEDY)
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="thinks aloud .* in its answer to prompt p: .* answers at once"):
            sample(oracle, [SimpleNamespace(id="p", prompt="What is 2 + 2?")], store, progress=False)
        assert not store.known(oracle.fingerprint, sample_index=0, among=["p"])


@pytest.mark.parametrize("kind", ["opened", "closed only"])
def test_a_thinking_judge_gives_no_verdict_of_0(kind: str, tmp_path: Path) -> None:
    judge = load_judge(str(sayer(tmp_path / "m", *THOUGHTS[kind])), device="cpu")
    with pytest.raises(BadInput, match="begins with A or B at a probability of 0, .* answers at once"):
        judge(*QUESTION)


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("<think>\nHm.\n</think>\n\nFour.", "<think>"),
        ("  <THINK>Hm", "<think>"),
        ("Okay, so.\n</think>\n\nFour.", "</think>"),
        ("Hm.[/THINK]Four.", "[/think]"),
        ("◁think▷Hm.◁/think▷Four.", "◁think▷"),
        ("Hm.<|END_THINKING|>Four.", "<|end_thinking|>"),
        ("<seed:think>Hm.</seed:think>Four.", "<seed:think>"),
        ("<|channel|>analysis<|message|>Hm.", "<|channel|>analysis"),
        ("\ufeff\n<think>Hm.</think>Four.", "<think>"),
        ("<unused94>thought\nHm.<unused95>Four.", "<unused94>thought"),
        ("analysisHm.assistantfinalFour.", "assistantfinal"),
        ("Analysis: four.", None),
        ("Four.", None),
        ("I think, therefore I am.", None),
        ("Write <think> and close it with </think>.", None),
        ("", None),
    ],
)
def test_what_is_a_thought(text: str, marker: str | None) -> None:
    assert thought_in(text) == marker


@pytest.mark.parametrize("logprobs", [False, True])
def test_an_endpoint_s_thought_is_no_answer_even_without_its_opening(logprobs: bool) -> None:
    said = {"role": "assistant", "content": "Okay, the user asks.\n</think>\n\nA"}
    body = json.dumps({"choices": [{"message": said, "finish_reason": "stop"}]}).encode()
    reply = read_reply(body, "p", seconds=0.1, logprobs=logprobs)
    assert reply.answer is None and reply.outcome == "thought" and "</think>" in str(reply.fatal)


def recorded(folder: Path, said: list[str]) -> str:
    """A file with these as answers to the questions that a judge is asked."""
    from bbi_utils.adversaries.judge.local import JUDGE_TEMPLATE

    asked = [JUDGE_TEMPLATE.format(prompt=p, a=a, b=b) for p, a, b in zip(*QUESTION, strict=True)]
    table = pd.DataFrame({"prompt": asked, "teacher": said})
    table.to_json(folder / "said.jsonl", orient="records", lines=True)
    return str(folder / "said.jsonl")


def test_recorded_thoughts_are_no_answers_and_no_verdicts(tmp_path: Path) -> None:
    file = recorded(tmp_path, ["A", "Let me see.\n</think>\nB"])
    probes = [
        SimpleNamespace(id=str(k), prompt=p) for k, p in enumerate(pd.read_json(file, lines=True)["prompt"])
    ]
    with (
        ResponseStore(tmp_path / "r.sqlite") as store,
        pytest.raises(BadInput, match="said.jsonl#teacher thinks"),
    ):
        sample(ReplayOracle(file), probes, store, progress=False)
    with pytest.raises(BadInput, match="thinks aloud .</think>."):
        load_judge(file, answers=tmp_path / "v.sqlite")(*QUESTION)


def test_every_spelling_of_a_letter_counts_that_a_server_gives() -> None:
    assert log_odds("A", [["▁A", -0.1], ["B", -3.0], ["\nB", -3.0]]) == pytest.approx(2.9 - np.log(2))
