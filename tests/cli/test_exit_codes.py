"""Each exit code, provoked; and every error in one form, on standard error or as one document, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.cli.main import main
from dovetail.steps import status

PROGRAM = [sys.executable, "-c", "from dovetail.cli.main import main; main()"]


def test_0_done_and_clean(project, run, touch):
    touch("shop", "DELETE FROM product WHERE id = 13")
    assert run("check").code == 0
    assert run("doctor").code == 0
    assert run("map", "test").code == 0
    assert run("plan").code == 0
    assert run("migrate").code == 0
    assert run("verify").code == 0
    assert run("rejects").code == 0
    assert run("status").code == 0


def test_1_something_was_found(project, run, touch):
    assert run("plan").code == 1
    assert run("migrate").code == 1
    assert run("rejects").code == 1
    assert run("verify").code == 0, "what stands in quarantine is known"
    touch("stock", "UPDATE item SET price = 1 WHERE code = 'P-1'")
    assert run("verify").code == 1


def test_1_a_round_trip_is_broken(project, run, touch):
    touch("stock", "UPDATE item SET status = 'Q'")
    tested = run("map", "test", "--mapping", "product")
    assert tested.code == 1
    assert "DV-214" in tested.out


MISUSES = {
    "no such command": (("migrat",), "did you mean migrate"),
    "no such command of a group": (("map", "shov"), "show"),
    "no such option": (("plan", "--sqll"), "--sql"),
    "no number": (("map", "test", "--rows", "many"), "not a valid integer"),
    "a number out of range": (("map", "test", "--rows", "0"), "0 is not in the range"),
    "a negative allowance": (("migrate", "--allow", "-1"), "-1 is not in the range"),
    "no sample": (("analyze", "--sample", "0"), "0 is not in the range"),
    "no plan named": (("apply",), "missing argument"),
    "a plan that is not there": (("apply", "nix.plan"), "the plan cannot be read"),
    "a file that is no plan": (("apply", "dovetail.yaml"), "not a whole plan"),
    "no such mapping": (("plan", "--mapping", "productx"), "declared mappings: category, product"),
    "no such mapping to show": (("map", "show", "--mapping", "x"), "declared mappings"),
    "no such system": (("analyze", "--system", "x"), "declared systems"),
    "no such environment": (("check", "--env", "live"), "no environment is called"),
    "no such reject": (("rejects", "show", "99"), "there is no reject 99"),
    "no number of a reject": (("rejects", "show"), "name the numbers"),
    "a number for a list": (("rejects", "list", "3"), "dovetail rejects show 3"),
    "no folder": (("check", "--project", "nowhere"), "there is no such file"),
    "a file for a folder": (("check", "--project", "dovetail.yaml"), "Not a directory"),
    "no room for the page": (("analyze", "--html", "no/such/folder/page.html"), "No such file or directory"),
    "no room for the plan": (("plan", "--out", "dovetail.yaml/plan"), "dovetail.yaml"),
    "one system": (("init", "a=shop.db"), "two systems are joined"),
    "a project stands here": (("init", "a=shop.db", "b=stock.db"), "there is a project already"),
    "no connector": (("init", "a=shop.db", "b=gopher://x/y", "--project", "new"), "known names"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_2_misuse_says_what_and_what_next(name, project, run):
    words, said = MISUSES[name]
    answer = run(*words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "DV-" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("name", MISUSES)
def test_2_misuse_is_one_document(name, project, run):
    answer = run(*MISUSES[name][0], "--json")
    document = answer.document
    assert (answer.code, document["ok"]) == (2, False)
    assert document["errors"]
    assert all(error["code"].startswith("DV-") and error["message"] for error in document["errors"])


def test_2_all_mistakes_of_all_files_at_once(project, run):
    (project / "dovetail.yaml").write_text(
        (project / "dovetail.yaml")
        .read_text()
        .replace("connector: sqlite, path: stock", "connector: sqlight, path: stock")
    )
    mapping = project / "mappings" / "product.yaml"
    mapping.write_text(mapping.read_text().replace("match: sku", "match: skuu").replace("upper(", "upperr("))
    answer = run("check")
    assert answer.code == 2
    assert "dovetail.yaml:5:" in answer.err
    assert "mappings/product.yaml:5:8: DV-101" in answer.err
    assert "did you mean 'sku'?" in answer.err
    assert answer.err.endswith("3 mistakes\n")


def test_3_the_guard_holds_a_run(project, run, touch):
    (project / "dovetail.yaml").write_text(
        (project / "dovetail.yaml").read_text() + "defaults:\n  guard: {rows: 1, share: 1%}\n"
    )
    run("migrate")
    touch("stock", "UPDATE item SET label = 'x'; UPDATE item_group SET title = 'y'")
    held = run("migrate")
    assert (held.code, held.out) == (3, "")
    assert "DV-600 the guard holds this run; nothing was written" in held.err
    assert "product.stock" in held.err
    assert "--allow" in held.err
    assert run("migrate", "--json").document["errors"][0]["code"] == "DV-600"
    assert run("migrate", "--allow", "4").code == 1


def test_4_a_system_is_not_there(project, run):
    (project / "stock.db").rename(project / "elsewhere.db")
    for command in ("analyze", "plan", "migrate", "verify"):
        answer = run(command)
        assert (answer.code, answer.out) == (4, ""), command
        assert answer.err.startswith("stock ("), "the system is named"
        assert "check the path" in answer.err
    assert run("plan", "--json").document["errors"][0]["where"].startswith("stock (")


def test_a_doctor_goes_on_where_a_system_is_not_there(project, run):
    (project / "stock.db").rename(project / "elsewhere.db")
    answer = run("doctor", "--json")
    assert answer.code == 1
    verdicts = {(one["system"], one["topic"]): one["verdict"] for one in answer.document["remarks"]}
    assert verdicts["stock", "connection"] == "bad"
    assert verdicts["shop", "connection"] == "ok"


def test_an_unknown_error_is_said_without_its_words(project, run, monkeypatch):
    def broken(workspace):
        secret = "Ada Lovelace"
        raise ZeroDivisionError(secret)

    monkeypatch.setattr(status, "status", broken)
    answer = run("status")
    assert (answer.code, answer.out) == (4, "")
    assert "DV-793" in answer.err
    assert "ZeroDivisionError in test_exit_codes" in answer.err
    assert "Ada" not in answer.err
    assert run("status", "--json").document["errors"][0]["code"] == "DV-793"


@pytest.mark.parametrize(("command", "said"), [("status", "nothing was changed"), ("migrate", "goes on from here")])
def test_ctrl_c(project, run, monkeypatch, command, said):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dovetail.engine.open.open_workspace", stop)
    answer = run(command)
    assert (answer.code, answer.out) == (130, "")
    assert said in answer.err
    assert run(command, "--json").document["ok"] is False


def test_a_run_that_was_stopped_did_not_end_clean(project, run, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dovetail.engine.whole.account", stop)
    assert run("migrate").code == 130
    monkeypatch.undo()
    monkeypatch.chdir(project)
    assert [one["ok"] for one in run("status", "--json").document["runs"]] == [False]


def test_a_reader_that_leaves_early_is_no_error(project):
    command = subprocess.Popen(
        [*PROGRAM, "map", "show"], cwd=project, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command.stdout.close()
    assert command.stderr.read() == b""
    command.wait(60)


def test_an_output_without_unicode_still_gets_everything(project, run, touch):
    environment = _environment() | {"PYTHONIOENCODING": "ascii"}
    plan = subprocess.run([*PROGRAM, "plan"], cwd=project, env=environment, capture_output=True, timeout=60)
    assert (plan.returncode, plan.stderr) == (1, b"")
    assert rb"Caf\xe9 table" in plan.stdout
    touch("shop", f"UPDATE product SET title = '{'é' * 90}' WHERE id = 11")
    run("migrate")
    show = [*PROGRAM, "rejects", "show", "1", "2", "--json"]
    document = subprocess.run(show, cwd=project, env=environment, capture_output=True, timeout=60)
    assert document.stdout.isascii()
    assert "é" * 90 in str(json.loads(document.stdout)["rejects"])


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part), "COLUMNS": "100"}


def test_main_is_what_the_package_installs():
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    assert f'dovetail = "{main.callback.__module__}:main"' in text
