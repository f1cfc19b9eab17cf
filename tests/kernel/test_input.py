"""input() and getpass(), as a front end answers them."""

from __future__ import annotations

from .conftest import StartKernel
from .live_kernel import LiveKernel


def test_input_asks_with_its_prompt_and_gets_the_answer(kernel: LiveKernel) -> None:
    msg_id = kernel.execute("name = input('Name? ')\nprint('Hello', name)", allow_stdin=True)
    question = kernel.wait_for_question()
    assert question["content"] == {"prompt": "Name? ", "password": False}
    assert question["parent_header"]["msg_id"] == msg_id
    kernel.kc.input("Zo\u00eb \U0001f600\u2028")
    assert kernel.finish(msg_id).text() == "Hello Zo\u00eb \U0001f600\u2028\n"


def test_getpass_asks_for_a_password_and_shows_nothing_of_it(kernel: LiveKernel) -> None:
    msg_id = kernel.execute(
        "from getpass import getpass\nsecret = getpass('Secret? ')", allow_stdin=True
    )
    assert kernel.wait_for_question()["content"] == {"prompt": "Secret? ", "password": True}
    kernel.kc.input("open sesame")
    assert kernel.finish(msg_id).outputs == []
    assert kernel.run("secret").result == "'open sesame'"


def test_a_cell_may_ask_several_times_and_print_in_between(kernel: LiveKernel) -> None:
    msg_id = kernel.execute(
        "for n in range(3): print('got', input(f'{n}? '), flush=True)", allow_stdin=True
    )
    for n in range(3):
        assert kernel.wait_for_question()["content"]["prompt"] == f"{n}? "
        kernel.kc.input(f"answer {n}")
        kernel.wait_for_text(msg_id, f"got answer {n}")
    assert kernel.finish(msg_id).status == "ok"


def test_cells_one_after_the_other_get_their_own_answers(kernel: LiveKernel) -> None:
    cells = [kernel.execute(f"input('{n}? ')", allow_stdin=True) for n in range(2)]
    for n, msg_id in enumerate(cells):
        assert kernel.wait_for_question()["parent_header"]["msg_id"] == msg_id
        kernel.kc.input(str(n))
        assert kernel.finish(msg_id).result == f"'{n}'"


def test_an_end_of_file_is_an_eoferror(kernel: LiveKernel) -> None:
    msg_id = kernel.execute("input()", allow_stdin=True)
    kernel.wait_for_question()
    kernel.kc.input("\x04")
    assert kernel.finish(msg_id).error["ename"] == "EOFError"


def test_without_stdin_the_error_is_ipykernels_own(
    kernel: LiveKernel, start_kernel: StartKernel
) -> None:
    local = start_kernel(kernel_name="python3")
    for code in ("input('Name? ')", "from getpass import getpass; getpass()"):
        ours, theirs = (k.run(code, allow_stdin=False).error for k in (kernel, local))
        assert ours["ename"] == "StdinNotImplementedError"
        assert ours["evalue"] == theirs["evalue"]


def test_a_cell_that_waits_for_an_answer_can_be_interrupted(kernel: LiveKernel) -> None:
    msg_id = kernel.execute("kept = 1\ninput('Never answered? ')", allow_stdin=True)
    kernel.wait_for_question()
    kernel.interrupt()
    assert kernel.finish(msg_id).error["ename"] == "KeyboardInterrupt"
    assert kernel.run("kept").result == "1"


def test_an_answer_that_nobody_asked_for_changes_nothing(kernel: LiveKernel) -> None:
    kernel.kc.input("unasked")
    msg_id = kernel.execute("input('Now? ')", allow_stdin=True)
    kernel.wait_for_question()
    kernel.kc.input("asked")
    assert kernel.finish(msg_id).result == "'asked'"
