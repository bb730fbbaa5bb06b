"""The API key is in no file, no message and no log, whatever goes wrong; and the search for it finds it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from canary import assert_nowhere
from serving import Asked, Canned, canned_oracle, drop, every, free_port, respond, truncate

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.params import load_study
from bbi_utils.study.preflight import check_study
from tools.notebooks import KERNEL

CANARY = "sk-canary-5f2c9be1d07a4483"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.001)


def echo(status: int, said: Callable[[str], bytes]) -> Callable[..., None]:
    """A server that repeats the header in which the key came."""
    return lambda proxy, handler, body: respond(handler, status, said(handler.headers["Authorization"]))


def in_json(header: str) -> bytes:
    return json.dumps({"error": {"message": f"no such key: {header}", "code": header}}).encode()


def answered(header: str) -> bytes:
    choice = {"finish_reason": "stop", "message": {"content": f"You sent {header}."}}
    return json.dumps({"choices": [choice]}).encode()


TROUBLE: dict[str, tuple[Callable[..., None], str]] = {
    "refused key": (echo(401, in_json), "status 401 .*no such key: Bearer .key."),
    "in plain text": (echo(403, lambda header: f"{'.' * 290} {header}".encode()), "status 403"),
    "unknown model": (echo(404, in_json), "status 404"),
    "overloaded": (echo(500, in_json), "last with http 500 .no such key: Bearer .key."),
    "rate limit": (echo(429, in_json), "last with http 429"),
    "no JSON": (echo(200, lambda header: header.encode()), "last with malformed"),
    "hangs up": (drop, "last with connection"),
    "cut short": (truncate, "last with connection"),
}


@pytest.mark.parametrize("name", list(TROUBLE))
def test_no_failure_shows_the_key(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    does, message = TROUBLE[name]
    with Canned(every(monkeypatch, does)) as server, ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match=message) as error:
            sample(canned_oracle(server.reference), [Asked(n) for n in range(3)], store)
        assert CANARY in str(server.headers)  # it was really sent
        assert_nowhere(CANARY, tmp_path, str(error.value), repr(error.value), *capfd.readouterr())


def test_neither_silence_nor_absence_shows_the_key(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="last with connection") as error:
            sample(canned_oracle(f"http://127.0.0.1:{free_port()}/v1#m"), [Asked(0)], store)
        assert_nowhere(CANARY, tmp_path, str(error.value), *capfd.readouterr())


def test_an_answer_that_repeats_the_key_is_stored_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = every(monkeypatch, echo(200, answered))
    with Canned(plan) as server, ResponseStore(tmp_path / "r.sqlite") as store:
        table = sample(canned_oracle(server.reference), [Asked(0)], store, progress=False)
        assert list(table["answer"]) == ["You sent Bearer [key]."]
        assert_nowhere(CANARY, tmp_path)


URL = "https://user:geheim@host.example/v1#m"


@pytest.mark.parametrize(
    "settings",
    [
        {"student": URL},
        {"teacher": URL, "student": URL},
        {"teacher": URL, "teacher_4bit": True},
        {"teacher": URL, "teacher_revision": "main"},
        {"teacher": URL.upper()},
        {"judge": URL, "judge_revision": "main"},
        {"sentence_encoder": URL},
        {"encoders": [URL]},
    ],
)
def test_a_password_in_a_url_is_refused_before_anything_repeats_it(settings: dict[str, Any]) -> None:
    with pytest.raises(
        BadInput, match="(?i)host.example has a user or a query in its URL, which .* may hold a key"
    ) as error:
        check_study(load_study("pocket", "qwen", settings))
    assert "geheim" not in str(error.value).lower()


def failing_notebook(reference: str, store: Path) -> nbformat.NotebookNode:
    """A notebook whose last cell asks an endpoint and fails."""
    code = f"""
from dataclasses import make_dataclass
from bbi_utils.oracles import Sampling, Terms, load_oracle
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
Asked = make_dataclass("Asked", ["id", "prompt"])
oracle = load_oracle({reference!r}, sampling=Sampling(max_new_tokens=5), terms=Terms())
print(oracle.settings)
sample(oracle, [Asked("p", "Hello?")], ResponseStore({str(store)!r}))
"""
    parameters = nbformat.v4.new_code_cell("SEED = 0", metadata={"tags": ["parameters"]})
    cells = [parameters, *(nbformat.v4.new_code_cell(part) for part in code.strip().split("\n"))]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


@pytest.mark.smoke
def test_a_notebook_that_fails_records_no_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the executed copy with its traceback, nor job, result and log; with loggers wide awake."""
    monkeypatch.setenv("OPENAI_LOG", "debug")
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    job: dict[str, Any] = {"notebook": str(tmp_path / "n.ipynb"), "output": str(tmp_path / "n.partial.ipynb")}
    job_file = tmp_path / "02.job.json"
    job_file.write_text(json.dumps({**job, "parameters": {"SEED": 1}}))
    with Canned(every(monkeypatch, echo(401, in_json))) as server:
        nbformat.write(failing_notebook(server.reference, tmp_path / "r.sqlite"), job["notebook"])
        command = [sys.executable, "-m", "bbi_utils.study.execute", str(job_file)]
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 1 and CANARY in str(server.headers)
    result = json.loads(job_file.with_suffix(".result.json").read_text())
    assert result["failure"]["error"] == "BadInput" and "Bearer [key]" in result["failure"]["message"]
    assert_nowhere(CANARY, tmp_path, done.stdout, done.stderr)


def plant(folder: Path, how: str) -> None:
    if how == "store":
        with ResponseStore(folder / "r.sqlite") as store:
            store.register("f", name="n", settings={})
            store.add("f", [Answer("p", f"it is {CANARY}", "stop", 1, 1, 0.1)])
    elif how == "table":
        pd.DataFrame({"answer": [f"it is {CANARY}"]}).to_parquet(folder / "t.parquet", compression="gzip")
    elif how == "packed":
        (folder / "log.gz").write_bytes(gzip.compress(CANARY.encode() * 3))
    else:
        (folder / f"{CANARY}.txt").write_text("")


@pytest.mark.parametrize("how", ["store", "table", "packed", "name"])
def test_the_search_finds_a_secret(how: str, tmp_path: Path) -> None:
    plant(tmp_path, how)
    with pytest.raises(AssertionError, match="the secret is in"):
        assert_nowhere(CANARY, tmp_path)
