#!/usr/bin/env python3
"""Renders the demonstration model's texts from the knowledge base: what patients say, and the four-section answers.

A case is drawn first (a disease, the findings present and absent, sex and age), then worded. The prompt is the
program's own (build/render-prompts, `make build/render-prompts`). The drawn disease leads the answer, the prompt's
candidates follow it, and what speaks for each is taken from the prompt alone. Sentence patterns, aliases and diseases
are split into a training part and a held-back part by a hash of their own spelling, so the split does not depend on the
order of the knowledge base.

    python3 scripts/demo_text.py --count 5 --seed 1 [--split train|texts|patterns|aliases|diseases]
"""

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KNOWLEDGE = ROOT / "cli/data/knowledge.json"
TEMPLATES = ROOT / "cli/data/templates"
RENDER = Path(os.environ.get("YOUTU_BUILD") or ROOT / "build") / "render-prompts"

# Texts that the model is demonstrated on. They never enter a training set, nor any text that contains them.
RESERVED = (
    "我最近三天一直头痛,集中在太阳穴位置,伴有恶心,看强光会加重。",
    "咳嗽两周,夜间加重,有白色泡沫痰,无发热。",
)

SPLITS = ("train", "texts", "patterns", "aliases", "diseases")
HELD_BACK_PATTERNS = 0.15
HELD_BACK_ALIASES = 0.08
HELD_BACK_DISEASES = 0.1
NOT_MEDICAL = 0.03
LONG_WINDED = 0.04  # share of the training texts that go on with what tells no finding, for the length of a record
ANY_DEPARTMENT = 0.3  # share of the prompts that a department drawn at random asks, not the proposed one
MOST_LISTED = (4, 2)  # findings for a diagnosis, and against it
TESTS_LISTED = 3
POOL = 200  # prompts rendered at once
CHILDHOOD = 13  # the last year of age at which a parent speaks
OLDEST = 120
DRAWS = 20

# ---- sentence patterns ------------------------------------------------------------------------------------------
# Clauses are divided by |; a clause whose slot has nothing to fill it is dropped.
# {m} the leading finding  {r} the other findings  {d} how long  {o} since when  {n} what is denied  {q} a remark
# {c} the child  {e} the relative  {i} sex and age, where the text states them

FORMAL = """
{m}{d}|伴{r}|{n}
{m}{d}|{r}|{n}|{q}
{m}{d}|{q}|有{r}|{n}
{i}|{m}{d}|伴有{r}|{n}
{i}|因{m}{d}就诊|{r}|{q}|{n}
主诉:{m}{d}|伴{r}|{n}
主诉{m}{d}|加重1天|{r}|{n}
反复{m}{d}|{q}|伴{r}|{n}
反复{m}{d}|{r}|{n}
间断{m}{d}|{r}|{q}|{n}
间断性{m}{d}|伴{r}
{m}伴{r}{d}|{n}
{m}、{r}{d}|{n}
{m}、{r}{d}|{q}
{m}并{r}{d}|{n}
{d}前无明显诱因出现{m}|伴{r}|{q}|{n}
{d}前出现{m}|{r}|{n}
{d}前开始{m}|随后出现{r}|{n}
患者{d}前受凉后{m}|{r}|{n}
患者{m}{d}|近来{q}|{r}|{n}
患者诉{m}{d}|并有{r}|{n}
患者自诉{m}|病程{d}|伴随症状有{r}|{n}
{i}|{o}起{m}|逐渐加重|{r}|{n}
{i}|{o}突发{m}|伴{r}|{n}
{o}起病|{m}|{r}|{n}
急性起病|{m}{d}|{r}|{n}
慢性病程|{m}{d}|{q}|{r}|{n}
现病史:{d}前{m}|{q}|{r}|{n}|精神食欲可
{m}|持续{d}|{r}|{n}
症状:{m}、{r}|病程:{d}|{n}
{m}{d}余|伴{r}|{q}|{n}|既往体健
{i}|{m}{d}|{n}|{r}|求诊
{m}{r}{d}|{n}
{n}|{m}{d}|{r}
""".split()

SPOKEN = """
我最近{d}{m}|还有{r}|{n}
我最近{d}总是{m}|{q}|{r}|{n}
最近{d}我老是{m}|{q}|有时候{r}|{n}
我{m}{d}了|{r}|{n}
我{m}有{d}了|而且{r}|{q}
我{m}已经{d}了|一直不好|还{r}|{n}
这{d}我{m}|{q}|{r}|{n}
这{d}来一直{m}|也有{r}|{n}
{m}好{d}了|{r}|{n}|怎么回事
医生你好|我{m}{d}了|{r}|{n}
医生|我{o}开始{m}|后来{r}|{n}
大夫您好|最近{m}|大概{d}|{q}|{r}
您好|我想问一下|我{m}{d}|{r}|这是什么病
{o}开始{m}|{r}|{n}
{o}突然{m}|{q}|{r}|{n}
从{o}起就{m}|还{r}|{n}
我从{o}开始感觉{m}|同时{r}|{n}|有点担心
{i}|{m}{d}了|{r}|{n}|要紧吗
{i}|最近{d}{m}|{q}|{r}
我{i}|{o}开始{m}|{r}|{n}
{m}|{r}|都{d}了|{n}
{m}|{r}|{q}|{d}了还不好
就是{m}|{d}了吧|另外{r}|{n}
我感觉{m}|差不多{d}|{r}|{n}
我总觉得{m}|{q}|{r}|有{d}了|{n}
{d}了|一直{m}|{r}|{n}
不知道怎么回事|{o}起{m}|{r}|{n}
感觉不太舒服|{m}{d}|{r}|{q}
{m}得厉害|{d}了|{r}|{n}
{m}|{q}|还觉得{r}|{n}
我有{m}|{q}|也有{r}|{n}
{r}|主要是{m}|{d}了|{n}
{r}|还{m}|{o}开始的|{n}
{n}|就是{m}|{d}了|{r}
{n}|但是{m}|{q}|{r}
没睡好|{o}起{m}|{r}|{n}
自己吃了点药没见好|还是{m}|{r}|{d}了
{m}和{r}|{d}了|{n}
我{m}|同时{r}|大约{d}|{q}|{n}
上班时{m}|{d}了|{r}|{n}
""".split()

CHILD = """
{c}{m}{d}了|{r}|{n}
{c}{o}开始{m}|还{r}|{n}
{c}最近{d}{m}|{q}|{r}
医生|我家{c}{m}|{r}|{d}了|{n}
我家{c}{i}|{m}{d}|伴有{r}|{n}
{c}{i}|{o}起{m}|{r}|{n}|急死了
{c}{m}|{r}|精神还可以|{n}
{c}老说{m}|{d}了|{r}
{c}这{d}一直{m}|{q}|{r}|{n}
患儿{m}{d}|伴{r}|{n}
患儿{i}|{o}出现{m}|{r}|{n}
幼儿园老师说{c}{m}|回家发现{r}|{d}了
带{c}来看病|{m}{d}|{r}|{n}
""".split()

RELATIVE = """
{e}{m}{d}了|{r}|{n}
{e}{i}|{o}开始{m}|{r}|{n}
{e}最近{d}总{m}|{q}|{r}|{n}
帮{e}问一下|{m}{d}|{r}|{n}
{e}说{m}|{r}|{d}了|{n}
""".split()

PATTERNS = [(kind, p) for kind, group in (("formal", FORMAL), ("spoken", SPOKEN), ("child", CHILD), ("relative", RELATIVE)) for p in group]

REMARKS = """
时轻时重|时好时坏|越来越重|逐渐加重|活动后加重|休息后好一点|夜间明显|晚上更厉害|夜里加重|夜间为甚|早上重|白天好一些|劳累后明显|一阵一阵的|持续不缓解|
休息也不缓解|影响睡觉|影响工作|每天都有|每次几分钟|发作时很难受|遇冷加重|受凉后明显|饭后明显|吃东西后加重|饿的时候明显|天气变化时加重|说不清楚怎么引起的|
喝热水能好点|以前没有过|以前也有过几次|最近更频繁|程度较重|程度不重|可以忍受|难以忍受|晨起明显|下午明显|一动就加重|躺下好些|躺下更重|见光加重|光线强时加重|
吵的时候加重|情绪紧张时加重|压力大时明显|见冷风加重|运动后明显|爬楼时明显|弯腰加重|久坐后加重|按压后加重|有时自己能好|没有明显规律|
""".replace("\n", "").strip("|").split("|")
SITES = {
    "头": "太阳穴 两侧太阳穴 后脑勺 前额 额头 头顶 一侧 左边 右边 整个头 两边 眼眶周围 后枕部".split(),
    "腹": "上腹部 肚脐周围 右下腹 左下腹 右上腹 小肚子 肚脐上面 下腹部 整个肚子".split(),
    "胸": "胸骨后 左胸 心前区 胸口正中 右侧 左侧".split(),
    "腰": "腰部两侧 左侧腰 右侧腰 腰骶部 后腰".split(),
}
SITE_FORMS = "集中在{s}位置 主要在{s} 在{s} {s}明显 以{s}为主 {s}那里 多在{s} 集中在{s} {s}部位 位于{s}".split()
HISTORY = """
既往体健|平时身体还行|有高血压病史5年|血压一直有点高|有糖尿病3年|对青霉素过敏|没有药物过敏|做过阑尾手术|平时抽烟|不抽烟不喝酒|偶尔喝酒|最近加班多|最近熬夜|
前几天淋了雨|前几天出差了|家里没有类似的人|同事最近也病了|吃过药没什么用|没有吃药|没去看过医生|在家休息了|量过血压正常|以前做过体检没问题|
父亲有高血压|我妈有糖尿病|最近工作压力大|饮食睡眠尚可|二便正常|精神尚可|体重没变化|大小便正常|最近吃得比较油|
""".replace("\n", "").strip("|").split("|")
CLOSINGS = "怎么办 是什么原因 需要做什么检查 严重吗 麻烦看看 谢谢 请问是什么病 该挂什么科 要不要紧 会是什么问题 想看一下".split()
LEAD_FORMAL = "反复 间断 阵发性 持续 明显 轻度 剧烈 突发 偶有".split()
LEAD_SPOKEN = "有点 老是 总是 一直 特别 经常 时不时 突然 非常 很 有些 天天 偶尔 感觉 觉得".split()
CHILD_NAMES = {None: "孩子 宝宝 小孩 娃 小朋友 宝贝 小家伙".split(), "男": "儿子 小儿子 男孩子 男宝".split(), "女": "女儿 小女儿 女孩子 女宝".split()}
RELATIVES = {None: "家里人 我爱人 我同学 我朋友 家属".split(), "男": "我爸 我父亲 我老公 我哥".split(), "女": "我妈 我母亲 我老婆 我姐".split()}
LISTS = "、 、 、 , , 和 还有 并 伴 ,还 ,也 ,又 ,有时 以及 及".split()
DENIALS = "无{x} 无{x} 无{x} 没有{x} 没有{x} 没{x} 否认{x} 无明显{x} 不伴{x} 未出现{x} 也没有{x} 并无{x} 从没{x} 没有明显{x} {x}没有".split()
PLAIN_VERBS = "发热 发烧 咳嗽 恶心 呕吐 腹泻 腹痛 头痛 头晕 头疼 拉肚子 胸痛 胸闷 气短 流鼻涕 鼻塞 咳痰 肚子疼 心慌 吐 疼 痛 痒 发冷 出汗 便血 烧".split()
DENIED_TOGETHER = "发热 咳嗽 恶心 呕吐 腹泻 腹痛 头痛 头晕 胸痛 胸闷 皮疹 乏力 呼吸困难".split()
NUMERALS = "一 两 三 四 五 六 七 八 九 十".split()

NOT_A_COMPLAINT = """
你好|您好|在吗|医生在吗|今天天气不错|今天天气真好|明天会下雨吗|请问几点上班|我想挂号|怎么挂号|挂号费多少钱|谢谢|谢谢医生|好的|嗯|再见|测试|test|hello|hi|123|你是谁|
你叫什么名字|你会什么|你能做什么|帮我写一首诗|讲个笑话|现在几点了|医院在哪里|停车场在哪|几楼看病|我想买票|今天吃什么|中午吃面条|股票涨了吗|足球比赛谁赢了|
帮我翻译一句话|报告在哪里打印|医保卡怎么用|可以报销吗|周末上班吗|要不要带身份证|请问专家门诊是哪天|我来看病|我想咨询一下|有问题想问|随便看看|我是来体检的|
身体挺好的|没什么不舒服|没有任何症状|一切正常|我很健康|我朋友住在北京|昨天看了一场电影|路上堵车|手机没电了|这个怎么用|不知道说什么|……|?|。|哈哈|打扰了|
""".replace("\n", "").strip("|").split("|")
NO_BASIS = "问诊要点中没有直接依据,需进一步问诊"
UNKNOWN_NAME = "信息不足,无法判断"
UNKNOWN_ANSWER = f"""1. 可能诊断
(1) {UNKNOWN_NAME}
2. 鉴别依据
没有提到具体症状,不能作出判断。
3. 建议检查
- 补充病史:请说明主要不适、部位、持续时间和伴随症状
4. 风险提示
如有胸痛、呼吸困难、意识不清等情况,请立即就医。"""


FULLWIDTH = str.maketrans({",": "\uff0c", ";": "\uff1b", ":": "\uff1a", "!": "\uff01", "?": "\uff1f", "(": "\uff08", ")": "\uff09"})


def is_remark(symptom):
    """Findings that qualify others (夜间加重, 反复发作): they never lead a complaint."""
    return re.search("加重|缓解|减轻|发作|诱发|好转|后出现", symptom) is not None


def share(text):
    """A number in [0, 1) that depends on the spelling alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def pattern_is_held_back(pattern):
    return share("pattern " + pattern) < HELD_BACK_PATTERNS


def alias_is_held_back(alias):
    return share("alias " + alias) < HELD_BACK_ALIASES


def disease_is_held_back(name):
    return share("untaught " + name) < HELD_BACK_DISEASES


# ---- knowledge and prompts --------------------------------------------------------------------------------------


@dataclass
class Knowledge:
    diseases: list
    by_name: dict
    wordings: dict  # symptom -> every way to say it, the name first
    weights: dict  # disease -> {symptom: weight}
    spoken: frozenset  # every wording of every symptom


def load_words(program=RENDER):
    """Every symptom with the words that say it."""
    done = subprocess.run([program, "--words"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def load_knowledge(path=KNOWLEDGE):
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    wordings = {name: [name, *(w for w in words if w != name)] for name, words in load_words().items()}
    weights = {d["name"]: {f["symptom"]: f["weight"] for f in d["findings"] if "symptom" in f} for d in data["diseases"]}
    for d in data["diseases"]:
        ages = d["ages"]
        d["ages"] = {"min": ages["min"] or 0, "max": OLDEST if ages["max"] is None else ages["max"]}
    return Knowledge(
        diseases=data["diseases"],
        by_name={d["name"]: d for d in data["diseases"]},
        wordings=wordings,
        weights=weights,
        spoken=frozenset(w for ways in wordings.values() for w in ways),
    )


def render_prompts(requests, program=RENDER):
    """What the program asks its model for these requests, with the findings and candidates that it gives."""
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in requests)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- the case ---------------------------------------------------------------------------------------------------


@dataclass
class Case:
    present: list  # symptoms in the order of the text
    denied: list
    sex: str | None  # what the prompt tells, not what was drawn
    years: tuple  # the ages that the prompt leaves open, (least, most)


@dataclass
class Drawn:
    """What a text is written from."""

    present: list
    denied: list
    sex: str
    age: tuple  # (number, unit, years)
    kind: str  # who speaks
    line_sex: bool  # told besides the text
    line_age: bool
    text_sex: bool  # told in the text, where the pattern has a place for it
    text_age: bool

    def told_by_line(self):
        years = (self.age[2], self.age[2]) if self.line_age else (0, CHILDHOOD) if self.kind == "child" else (0, OLDEST)
        return Case(self.present, self.denied, self.sex if self.line_sex else None, years)

    def told_by(self, pattern, leading, rest):
        """The case as the finished text tells it, with the findings in the order of the text."""
        rest_first = rest and pattern.index("{r}") < pattern.index("{m}") if "{r}" in pattern else False
        sex_told = self.line_sex or (self.text_sex and any(slot in pattern for slot in ("{i}", "{c}", "{e}")))
        if self.line_age or (self.text_age and "{i}" in pattern):
            years = (self.age[2], self.age[2])
        else:
            years = {"child": (0, CHILDHOOD), "formal": (0, OLDEST)}.get(self.kind, (CHILDHOOD + 1, OLDEST))
        return Case(rest + leading if rest_first else leading + rest, self.denied, self.sex if sex_told else None, years)


@dataclass
class Draft:
    """A text whose prompt is not rendered yet."""

    request: dict  # what the program is given
    disease: dict | None  # that leads; None: nothing can be told


@dataclass
class Example:
    complaint: str
    system: str
    user: str
    given: list  # findings that the prompt tells
    answer: str
    names: list  # the diagnoses of the answer, in order


def fits(disease, sex, years):
    """Whether the disease can occur in a person of this sex and age."""
    return (not disease["sex"] or not sex or disease["sex"] == sex) and disease["ages"]["min"] <= years[1] and years[0] <= disease["ages"]["max"]


def score(knowledge, disease, case):
    """How well the findings fit: present ones by weight, unexplained ones against, absent ones by half."""
    weight = knowledge.weights[disease["name"]]
    total = 0.5 * disease["commonness"]
    total += sum(weight.get(s, -1.0) for s in case.present)
    return total - 0.5 * sum(weight.get(s, 0) for s in case.denied)


def best(knowledge, case):
    """The disease that fits best, and its lead over the second."""
    possible = [d for d in knowledge.diseases if fits(d, case.sex, case.years)]
    order = sorted(possible, key=lambda d: -score(knowledge, d, case))
    return order[0], score(knowledge, order[0], case) - score(knowledge, order[1], case)


def sentence(text):
    return text if text.endswith(("。", "!", "?")) else text + "。"


def evidence(knowledge, disease, rendered):
    """(for, against) of the findings that the prompt tells."""
    weight = knowledge.weights[disease["name"]]
    supporting = [s for s in rendered["positive"] if weight.get(s, 0) > 0]
    opposing = [s for s in rendered["positive"] if weight.get(s, 0) < 0] + ["无" + s for s in rendered["negative"] if weight.get(s, 0) > 0]
    return supporting[: MOST_LISTED[0]], opposing[: MOST_LISTED[1]]


def told(rendered):
    """Every finding that the prompt tells."""
    return rendered["positive"] + ["无" + name for name in rendered["negative"]]


def basis_sentence(knowledge, disease, rendered):
    supporting, opposing = evidence(knowledge, disease, rendered)
    said = "支持点有" + "、".join(supporting) if supporting else NO_BASIS
    return f"{disease['name']}:{said}{';不支持点有' + '、'.join(opposing) if opposing else ''}。"


def choose(knowledge, disease, rendered):
    """Three diagnoses: the drawn one, then the prompt's candidates, then what the knowledge base sets beside it."""
    names = [disease["name"], *(c["name"] for c in rendered["candidates"]), *disease["differentials"]]
    return [knowledge.by_name[n] for n in dict.fromkeys(names) if n in knowledge.by_name][:3]


def write_answer(knowledge, listed, rendered):
    """The answer for these diagnoses, the first of which leads."""
    disease = listed[0]
    lines = ["1. 可能诊断"]
    lines += [f"({i}) {d['name']}" for i, d in enumerate(listed, 1)]
    lines.append("2. 鉴别依据")
    lines += [basis_sentence(knowledge, d, rendered) for d in listed]
    lines.append("3. 建议检查")
    lines += [f"- {t['name']}:{t['reason']}" for t in disease["tests"][:TESTS_LISTED]]
    lines.append("4. 风险提示")
    dangers = [d["name"] for d in listed[1:] if d["never_miss"]]
    lines.append(sentence(disease["risk"]) + (f"须警惕{'、'.join(dangers)}。" if dangers else ""))
    return "\n".join(lines)


def needs_two(pattern):
    """Whether the first clause joins the leading finding to others."""
    return re.search(r"[^|]\{r\}|\{r\}[^|]|\{m\}[、伴并和]", pattern.split("|")[0]) is not None


# ---- wording ----------------------------------------------------------------------------------------------------


class Renderer:
    """Draws examples; the same seed and split give the same texts."""

    def __init__(self, knowledge, seed, split="train"):
        self.knowledge = knowledge
        self.random = random.Random(f"{split} {seed}")
        self.split = split
        held = split == "patterns"
        self.patterns = {}
        for kind, pattern in PATTERNS:
            if pattern_is_held_back(pattern) == held:
                self.patterns.setdefault(kind, []).append(pattern)
        self.ways = {
            name: [w for i, w in enumerate(ways) if i == 0 or not alias_is_held_back(w)] for name, ways in knowledge.wordings.items()
        }
        self.held_ways = {name: [w for w in ways[1:] if alias_is_held_back(w)] for name, ways in knowledge.wordings.items()}
        leading = [d for d in knowledge.diseases if disease_is_held_back(d["name"]) == (split == "diseases")]
        self.leading = leading, [d["commonness"] for d in leading]
        self.departments = sorted(path.stem for path in TEMPLATES.glob("*.txt"))
        self.remarks = self.without_findings(REMARKS)
        self.history = self.without_findings(HISTORY)

    def without_findings(self, phrases):
        return [p for p in phrases if not self.speaks(p)]

    def speaks(self, phrase):
        """Whether a wording of a symptom stands in the phrase."""
        return any(phrase[i:j] in self.knowledge.spoken for i in range(len(phrase)) for j in range(i + 1, len(phrase) + 1))

    def chance(self, p):
        return self.random.random() < p

    def pick(self, options):
        return self.random.choice(options)

    # -- who and what

    def draw_age(self, disease):
        """(number, unit, years) of a likely patient."""
        least, most = disease["ages"]["min"], min(disease["ages"]["max"], 88)
        if most > 18 and least < 18 and self.chance(0.85):
            least = 18
        years = self.random.uniform(least, most)
        if years < 0.08:
            days = self.random.randint(3, 28)
            return days, "天", days / 365
        if years < 2 and self.chance(0.7) or years < 1:
            months = max(1, round(years * 12))
            return months, "月", months / 12
        return int(years), "岁", float(int(years))

    def draw_findings(self, disease):
        weight = self.knowledge.weights[disease["name"]]
        pool = [s for s, w in weight.items() if w > 0]
        wanted = min(len(pool), self.random.choices((1, 2, 3, 4, 5, 6), (6, 22, 30, 24, 12, 6))[0])
        present = []
        while len(present) < wanted:
            left = [s for s in pool if s not in present]
            present += self.random.choices(left, [weight[s] ** 2 for s in left])
        if self.chance(0.12):
            other = self.pick(list(self.knowledge.wordings))
            if other not in weight and not any(other in s or s in other for s in present):
                present.append(other)
        denied = []
        if self.chance(0.45):
            against = [s for s, w in weight.items() if w < 0]
            usual = [s for s in DENIED_TOGETHER if s in self.knowledge.wordings]
            for _ in range(self.pick((1, 1, 2, 2, 3))):
                s = self.pick(against if against and self.chance(0.5) else usual)
                if s not in present and s not in denied and weight.get(s, 0) <= 1 and not any(s in p for p in present):
                    denied.append(s)
        return present, denied

    def word(self, symptom):
        if self.split == "aliases" and self.held_ways[symptom]:
            return self.pick(self.held_ways[symptom])
        ways = self.ways[symptom]
        return ways[0] if self.chance(0.25) else self.pick(ways)

    # -- pieces of a sentence

    def number(self, n):
        return self.pick((str(n), NUMERALS[n - 1])) if n <= 10 else str(n)

    def duration(self):
        unit, most = self.random.choices((("天", 10), ("周", 4), ("个月", 8), ("年", 10), ("小时", 10), ("个星期", 3)), (46, 16, 14, 8, 8, 6))[0]
        if self.chance(0.12):
            return self.pick("半天 半个月 半年 一个多月 一年多 两三天 一两天 三四天 一周左右 十来天 好几天 几天 几个月 半个多月 一周多 多年 四五天 一整天 几个小时 好几个月 三五天".split())
        return self.number(self.random.randint(1, most)) + unit

    def onset(self):
        return self.pick("昨晚 昨天 今天 今早 今天早上 前天 昨天下午 昨天晚上 上周 上周末 周一 这周 前几天 大前天 上个月 今天中午 凌晨 夜里 下班后 早上起床后 三天前 两天前 一周前 半个月前 5天前".split())

    def remark(self, lead):
        if self.chance(0.6):
            for key, sites in SITES.items():
                if key in lead and any(p in lead for p in "痛疼胀"):
                    phrase = self.pick(SITE_FORMS).format(s=self.pick(sites))
                    if not self.speaks(phrase):
                        return phrase
        return self.pick(self.remarks)

    def temperature(self):
        degrees = f"{self.random.uniform(37.4, 40.2):.1f}"
        return self.pick((f"体温{degrees}℃", f"{degrees}度", f"最高{degrees}℃", f"烧到{degrees}度", f"量了{degrees}度"))

    def deny(self, words):
        if len(words) == 1 and words[0] in PLAIN_VERBS and self.chance(0.5):
            return "不" + words[0]
        if len(words) > 1 and self.chance(0.25):
            return self.pick((",", "", "、")).join(self.pick(("无", "没有", "不")) + w if w in PLAIN_VERBS else "无" + w for w in words)
        listed = self.pick(("、", "、", "和", "及", "或", ",")).join(words) if len(words) < 3 else self.pick(("、", "、", ",")).join(words)
        return self.pick(DENIALS).format(x=listed) + (self.pick(("等", "等不适", "等症状", "")) if len(words) > 1 and self.chance(0.3) else "")

    def lead_word(self, kind, wording):
        if self.chance(0.7):
            return wording
        return self.pick(LEAD_FORMAL if kind == "formal" else LEAD_SPOKEN) + wording

    def join_findings(self, words):
        if self.chance(0.5):
            return self.pick(("、", ",", "、")).join(words)
        text = words[0]
        for w in words[1:]:
            text += self.pick(LISTS) + w
        return text

    def kind_of_speaker(self, age):
        years = age[2]
        if years < 14:
            return self.random.choices(("child", "formal"), (75, 25))[0]
        return self.random.choices(("spoken", "formal", "relative"), (52, 42, 14 if years > 60 else 4))[0]

    def sex_and_age(self, sex, age, show_sex, show_age):
        said = f"{age[0]}{self.pick(('个月', '月')) if age[1] == '月' else age[1]}"
        if show_sex and show_age:
            return self.pick((f"{sex},{said}", f"{said},{sex}", f"{sex}性,{said}", f"{said}{sex}性", f"{sex} {said}"))
        return f"{said}" if show_age else f"{sex}性" if show_sex else ""

    def punctuate(self, clauses):
        between = self.random.choices((",", " ", "", "。"), (82, 7, 4, 7))[0]
        text = clauses[0]
        for clause in clauses[1:]:
            text += (self.pick((",", ",", "。", " ")) if self.chance(0.06) else between) + clause
        text += self.random.choices(("。", "", ".", "!", "?"), (60, 30, 3, 3, 4))[0]
        return text.translate(FULLWIDTH) if self.chance(0.5) else text

    # -- the example

    def draw_case(self):
        """A case whose leading diagnosis is clear from what the prompt line and the speaker tell; None when luck fails."""
        diseases, weights = self.leading
        drawn = None
        for _ in range(DRAWS):
            disease = self.random.choices(diseases, weights)[0]
            age = self.draw_age(disease)
            sex = disease["sex"] or self.pick(("男", "女"))
            present, denied = self.draw_findings(disease)
            if self.split == "aliases" and not any(self.held_ways[s] for s in present):
                continue
            drawn = Drawn(
                present, denied, sex, age, kind=self.kind_of_speaker(age), line_sex=self.chance(0.45), line_age=self.chance(0.45),
                text_sex=self.chance(0.35), text_age=self.chance(0.5),
            )
            first, lead = best(self.knowledge, drawn.told_by_line())
            if first is disease and lead >= 0.5:
                break
        return drawn

    def examples(self, count):
        """Examples whose answers hold no disease of the other part of the split."""
        made = []
        while len(made) < count:
            drafts = [self.draft() for _ in range(min(POOL, count))]
            rendered = render_prompts([d.request for d in drafts])
            made += [e for e in map(self.finish, drafts, rendered) if e]
        return made[:count]

    def finish(self, draft, rendered):
        text, given = draft.request["symptoms"], told(rendered)
        if not draft.disease:
            return Example(text, rendered["system"], rendered["user"], given, UNKNOWN_ANSWER, [UNKNOWN_NAME])
        listed = choose(self.knowledge, draft.disease, rendered)
        names = [d["name"] for d in listed]
        if self.split != "diseases" and any(map(disease_is_held_back, names)):
            return None
        return Example(text, rendered["system"], rendered["user"], given, write_answer(self.knowledge, listed, rendered), names)

    def draft(self):
        if self.chance(NOT_MEDICAL):
            return self.not_a_complaint()
        while True:
            made = self.complaint()
            if made and not any(r in made.request["symptoms"] for r in RESERVED):
                return made

    def request(self, text, sex, age):
        """sex, age: None where only the text may tell them."""
        request = {"symptoms": text}
        if sex:
            request["sex"] = sex
        if age:
            request |= {"age": age[0], "age_unit": age[1]}
        if self.chance(ANY_DEPARTMENT):
            request["department"] = self.pick(self.departments)
        return request

    def not_a_complaint(self):
        held = self.split != "train"
        options = [t for t in NOT_A_COMPLAINT if pattern_is_held_back(t) == held]
        text = self.pick(options)
        if self.chance(0.25):
            text += self.pick((",", "。", " ")) + self.pick(options)
        elif self.chance(0.4):
            text += self.pick(("。", "!", "?", "啊", "吧"))
        sex = self.pick(("男", "女")) if self.chance(0.4) else None
        age = (self.random.randint(1, 85), "岁") if self.chance(0.4) else None
        return Draft(self.request(text, sex, age), None)

    def complaint(self):
        """One complaint with the disease that it tells, or None when the case and the pattern do not go together."""
        drawn = self.draw_case()
        if drawn is None:
            return None
        present = drawn.present[:]
        if self.chance(0.5):
            self.random.shuffle(present)
        present.sort(key=is_remark)  # stable: the others keep their order
        if is_remark(present[0]):
            return None
        words = {s: self.word(s) for s in present}
        pattern = self.pick([p for p in self.patterns[drawn.kind] if "{r}" in p or len(present) == 1])
        if len(present) == 1 and needs_two(pattern):
            return None
        leads = 2 if len(present) > 2 and not is_remark(present[1]) and self.chance(0.3) else 1
        slots = self.fill_slots(drawn, pattern, present[:leads], present[leads:], words)
        clauses = self.lay_out(drawn, pattern, slots)
        case = drawn.told_by(pattern, present[:leads], present[leads:])
        first, lead = best(self.knowledge, case)
        if disease_is_held_back(first["name"]) != (self.split == "diseases") or (lead < 0.25 and self.chance(0.9)):
            return None
        text = self.punctuate(clauses)
        if self.split == "train" and self.chance(LONG_WINDED):
            text += "。".join(self.pick(self.history) for _ in range(self.random.randint(20, 110)))
        return Draft(self.request(text, drawn.sex if drawn.line_sex else None, drawn.age if drawn.line_age else None), first)

    def fill_slots(self, drawn, pattern, leading, rest, words):
        lead = self.lead_word(drawn.kind, self.pick(("、", "、", "伴", "和", ",")).join(words[s] for s in leading))
        if "发热" in leading and self.chance(0.2):
            lead += self.pick((",", "")) + self.temperature()
        others = self.join_findings([words[s] for s in rest]) if rest else ""
        if "发热" in rest and self.chance(0.2):
            others += "," + self.temperature()
        slots = {"m": lead, "r": others, "d": self.duration(), "o": self.onset()}
        slots["n"] = self.deny([self.word(s) for s in drawn.denied]) if drawn.denied else ""
        slots["q"] = self.remark(lead) if self.chance(0.5) else ""
        names = CHILD_NAMES if "{c}" in pattern else RELATIVES
        slots["c"] = slots["e"] = self.pick(names[drawn.sex if drawn.text_sex else None])
        named = "{c}" in pattern or "{e}" in pattern
        slots["i"] = self.sex_and_age(drawn.sex, drawn.age, drawn.text_sex and not named, drawn.text_age)
        return slots

    def lay_out(self, drawn, pattern, slots):
        """The pattern's clauses with their slots filled; only the leading finding's clause outlives an empty slot."""
        clauses = []
        for clause in pattern.split("|"):
            used = re.findall(r"\{(\w)\}", clause)
            if not all(slots[u] for u in used):
                if "m" not in used:
                    continue
                clause = re.sub(r"[、伴并和]?\{r\}", "", clause)
            clauses.append(clause.format(**slots))
        if drawn.denied and "{n}" not in pattern:
            clauses.append(slots["n"])
        if self.chance(0.18):
            clauses.insert(self.pick((len(clauses), 1, len(clauses))), self.pick(self.history))
        if drawn.kind != "formal" and self.chance(0.12):
            clauses.append(self.pick(CLOSINGS))
        return clauses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--kb", type=Path, default=KNOWLEDGE)
    options = parser.parse_args()
    renderer = Renderer(load_knowledge(options.kb), options.seed, options.split)
    for example in renderer.examples(options.count):
        print(json.dumps(vars(example), ensure_ascii=False))


if __name__ == "__main__":
    main()
