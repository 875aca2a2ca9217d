"""Long records, departments and templates: what the model is given, and what the report tells of the rest."""

import random

import pytest
from conftest import MIGRAINE, refused, report, run

FILLER = "患者一般情况可,精神睡眠饮食尚可,遵嘱复查,向患者交代注意事项,嘱其规律作息清淡饮食,随诊。"
COMPLAINTS = "咳嗽 头晕 乏力 腹泻 便秘 胸闷 心悸 失眠 皮疹 腰痛 恶心 反酸 尿频 鼻塞 腹胀".split()
MEDICINES = "阿司匹林 二甲双胍 氨氯地平 阿托伐他汀 布洛芬".split()
ALLERGIES = "青霉素 头孢 磺胺".split()


def visit(year, complaint):
    """One of a year, with a medicine, and in some years an allergy."""
    text = f"{year}年3月5日 门诊记录\n主诉:{complaint}3天。\n现病史:患者3天前出现{complaint},无发热。{FILLER * 30}\n"
    text += f"用药史:长期服用{MEDICINES[year % len(MEDICINES)]}。\n"
    return text + (f"过敏史:对{ALLERGIES[year // 5 % 3]}过敏。\n" if year % 5 == 0 else "")


def record():
    """More than 20,000 characters: fifteen visits before today's."""
    order = COMPLAINTS[:]
    random.Random(1).shuffle(order)
    text = "主诉:胸痛2小时。\n" + "".join(visit(2010 + i, complaint) for i, complaint in enumerate(order))
    assert len(text) > 20_000
    return text


def sentences(text):
    """Where sentences may lie: everything but blanks."""
    return {i for i, byte in enumerate(text.encode()) if byte not in b" \n"}


def test_every_sign_of_a_long_record_survives_in_a_small_context():
    text = record()
    made = report("--greedy", "--ctx", "2048", stdin=text)
    assert made["usage"]["prompt_tokens"] <= 2048 - 512
    positive = {f["symptom"] for f in made["findings"]["positive"]}
    assert positive >= {"胸痛", *COMPLAINTS}
    assert set(made["findings"]["medications"]) == set(MEDICINES)
    assert set(made["findings"]["allergies"]) >= set(ALLERGIES)
    told = made["input"]
    assert told["segments"] > 15 and not told["prompt_cuts"]
    assert told["kept"] + len(told["left_out"]) == told["sentences"]
    assert {entry["fate"] for entry in told["left_out"]} <= {"summarised", "listed", "left_out"}
    for entry in told["left_out"]:
        assert text.encode()[entry["start"] : entry["end"]].decode() == entry["text"]
        assert entry["reason"] and 1 <= entry["segment"] <= told["segments"]
    summarised = {entry["segment"] for entry in told["left_out"] if entry["fate"] == "summarised"}
    assert summarised <= {entry["segment"] for entry in told["summaries"]}
    # Today's visit is given whole.
    assert all(entry["segment"] > 1 for entry in told["left_out"])


def test_the_text_format_tells_how_much_was_read():
    shown = run("--greedy", "--ctx", "2048", "--max-tokens", "200", stdin=record()).stdout
    assert "文本较长" in shown and "未列入" in shown
    assert "文本较长" not in run("--greedy", MIGRAINE).stdout


def test_a_long_record_is_whole_where_it_fits():
    text = "2023年3月5日 门诊\n主诉:头痛3天。\n2024年3月5日 门诊\n主诉:咳嗽3天。"
    told = report("--greedy", "--max-tokens", "8", stdin=text)["input"]
    assert told["segments"] == 4 and told["left_out"] == [] and told["kept"] == told["sentences"] == 2 + 2


@pytest.mark.parametrize(
    "arguments, department, proposed",
    [([], "内科", True), (["--department", "心血管内科"], "心血管内科", False), (["--age", "5"], "儿科", True)],
)
def test_the_department_is_told(arguments, department, proposed):
    made = report("--rules-only", *arguments, "咳嗽两周,夜间加重,有白色泡沫痰,无发热。")
    assert (made["department"], made["department_proposed"]) == (department, proposed)


def test_a_clinics_own_template_changes_the_prompt(folder):
    plain = report("--greedy", "--max-tokens", "4", "--department", "全科", MIGRAINE)
    (folder / "全科.txt").write_text("[system]\n你是本诊所的医生。\n", encoding="utf-8")
    own = report("--greedy", "--max-tokens", "4", "--department", "全科", "--templates", str(folder), MIGRAINE)
    assert own["usage"]["prompt_tokens"] < plain["usage"]["prompt_tokens"]
    (folder / "别的.txt").write_text("[system]\n{甲}\n", encoding="utf-8")
    refused(run("--templates", str(folder), MIGRAINE), 2, "别的.txt", "第 2 行", "{甲}")
    refused(run("chat", "--templates", str(folder), stdin=MIGRAINE), 2, "别的.txt", "第 2 行", "{甲}")
    refused(run("--templates", str(folder / "none"), MIGRAINE), 1, "--templates", "none")
    (folder / "别的.txt").write_text(" \n", encoding="utf-8")
    refused(run("--templates", str(folder), MIGRAINE), 2, "别的.txt", "[system]")
