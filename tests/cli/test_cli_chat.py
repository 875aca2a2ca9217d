"""The dialogue."""

from conftest import DISCLAIMER, MIGRAINE, run


def chat(*lines, arguments=()):
    done = run("chat", "--seed", "1", *arguments, stdin="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dialogue_of_two_turns():
    shown = chat(MIGRAINE, "还需要做什么检查?")
    assert shown.startswith("示范模型") and DISCLAIMER in shown
    assert "1. 可能诊断" in shown and "偏头痛" in shown
    one = chat(MIGRAINE)
    assert shown.startswith(one) and len(shown) > len(one)  # the first turn is the same; the second answers too


def test_red_flags_come_before_the_answer():
    shown = chat("胸口像压了块石头,疼到左肩左臂,出冷汗")
    assert shown.index("[急诊]") < shown.index("1. 可能诊断")


def test_what_is_no_text_is_told_and_the_dialogue_goes_on():
    done = run("chat", "--seed", "1", stdin=b"\xff\xfe\n\n" + MIGRAINE.encode() + b"\n")
    assert done.returncode == 0
    assert "不是有效的 UTF-8" in done.stdout and "1. 可能诊断" in done.stdout


def test_commands_of_the_dialogue():
    first = chat(MIGRAINE)
    again = chat(MIGRAINE, "/new", MIGRAINE)
    answer = first[first.index("1. 可能诊断") :]
    assert again.count(answer) == 2  # a new conversation begins from nothing
    assert "1. 可能诊断" not in chat("/exit", MIGRAINE)


def test_a_full_conversation_is_told_not_cut():
    shown = chat(MIGRAINE, MIGRAINE, "/new", MIGRAINE, arguments=["--ctx", "620", "--max-tokens", "200"])
    first, told, rest = shown.partition("超过上下文的 620 个:请用 /new 开始新的对话)")
    assert told and "1. 可能诊断" in first
    assert "1. 可能诊断" in rest  # a new conversation has room again


def test_a_first_message_too_long_is_told():
    shown = chat("头痛三天。" + "今天天气不错。" * 2000, arguments=["--ctx", "1024", "--max-tokens", "200"])
    assert "文本较长(1 段 2001 句)".replace("(", "（").replace(" 句)", " 句）") in shown
    assert "1. 可能诊断" in shown[shown.index("文本较长") :]


def test_whole_answers_without_streaming():
    assert chat(MIGRAINE, arguments=["--no-stream"]) == chat(MIGRAINE)
