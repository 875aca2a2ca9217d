"""Every format of the report, held to its standard by validators that other people wrote, and to what those leave out."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from fhir.resources.R4B.bundle import Bundle
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from lxml import etree

from conftest import COUGH, DISCLAIMER, MIGRAINE, MODEL, ROOT, run

DATA = ROOT / "cli/data"
SCHEMA = json.loads((DATA / "report.schema.json").read_text(encoding="utf-8"))
XSD = etree.XMLSchema(etree.parse(str(DATA / "report.xsd")))
NAMESPACE = {"r": "urn:youtu-diagnose:report:1"}
NOTICE = json.loads((MODEL / "config.json").read_text(encoding="utf-8")).get("notice")

FULL = (
    "35岁女性,没有怀孕,今天突然剧烈头痛,集中在太阳穴,伴恶心,看强光加重,休息后缓解,无发热,体温37.2℃,血压150/95mmHg,心率102次/分,"
    "呼吸20次/分,血氧96%,对青霉素过敏,有高血压5年,在吃氨氯地平,我妈也头痛"
)
HOSTILE = "头痛三天|^~\\&\\F\\ \"quoted\" 'single' <b>&amp;]]> <!-- --> \\.br\\ null "
TEXTS = {
    "migraine": MIGRAINE,
    "cough": COUGH,
    "full": FULL,
    "nothing found": "你好",
    "markup": HOSTILE + "无发热|^~\\&,恶心<&>",
    "control characters": "头痛" + "".join(map(chr, range(1, 32))) + "\x7f\x80\x85\x9f\ufffe\uffff三天,恶心\r\n发热\r",
    "emoji, marks, astral": "头痛😀\u200f\u202e三天\u2066\u2069,\U00020000\U0010ffff恶心\u2028发热\u2029",
    "ideographic spaces": "　头痛　三天　",
    "many lines": "头痛三天,恶心\n" * 4700,
    "one long line": "头痛三天,伴有恶心,无发热。" * 2800,
    "an infant": "宝宝3个月,发热39.5℃,拒奶",
}


def written(format_name, text, *arguments):
    done = run("--format", format_name, "--quiet", *(arguments or ("--rules-only",)), stdin=text)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# ---- JSON


def closed(schema):
    """The schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: closed(value) for key, value in schema.items()}
    return {**strict, "additionalProperties": False} if "properties" in schema and "type" in schema else strict


def check_json(text):
    report = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(report)
    source = report["input"]["text"].encode()
    for entity in report["findings"]["entities"]:
        assert source[entity["start"] : entity["end"]].decode() == entity["text"]
    assert report["disclaimer"] == DISCLAIMER
    return report


# ---- XML


def check_xml(text):
    document = etree.fromstring(text.encode(), etree.XMLParser(huge_tree=True))
    XSD.assertValid(document)
    assert document.findtext("r:notice", namespaces=NAMESPACE) == DISCLAIMER
    return document


# ---- FHIR: what the package does not check


def walk(value, path="Bundle"):
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from walk(item, f"{path}.{key}")


CODES = {
    "Composition": {"preliminary"},
    "ClinicalImpression": {"in-progress"},
    "Observation": {"preliminary"},
    "RiskAssessment": {"preliminary"},
    "ServiceRequest": {"draft"},
    "MedicationStatement": {"unknown"},
}
LOINC_SECTIONS = {"10154-3", "10164-2", "11348-0", "48765-2", "10160-0", "10187-3", "51848-0", "18776-5"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


def references(value):
    return [item for path, item in walk(value) if path.endswith(".reference")]


def check_fhir(text):
    bundle = json.loads(text)
    Bundle.model_validate(bundle)
    for path, value in walk(bundle):
        assert value is not None and value not in ("", [], {}), path
        if path.endswith((".date", "timestamp", "DateTime", "authoredOn", "dateAsserted")) and isinstance(value, str):
            assert INSTANT.fullmatch(value), path
        if path.endswith(".div"):
            assert etree.fromstring(value, etree.XMLParser(huge_tree=True)).xpath("string()").strip(), path
    assert bundle["type"] == "document" and bundle["identifier"]["system"] and bundle["identifier"]["value"] and bundle["timestamp"]
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls) and all(re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", url) for url in urls)
    resources = dict(zip(urls, (entry["resource"] for entry in bundle["entry"])))
    assert bundle["entry"][0]["resource"]["resourceType"] == "Composition"
    reached, todo = set(), [urls[0]]
    while todo:  # a document holds nothing that its Composition does not lead to, and all that it leads to
        url = todo.pop()
        if url not in reached:
            reached.add(url)
            todo += references(resources[url])
    assert reached == set(urls)
    for resource in resources.values():
        kind = resource["resourceType"]
        assert kind != "MedicationRequest"
        assert resource.get("status") in CODES.get(kind, {None}), kind
        if kind == "Condition":
            assert resource["verificationStatus"]["coding"][0]["code"] in ("differential", "unconfirmed")
        if kind == "ServiceRequest":
            assert resource["intent"] == "proposal"
    for section in bundle["entry"][0]["resource"]["section"]:
        assert "text" in section or "entry" in section
        coding = section["code"]["coding"][0]
        assert coding["system"] == "urn:youtu-diagnose:section" or coding["code"] in LOINC_SECTIONS
    assert DISCLAIMER in text
    return bundle


def of_type(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def observations(bundle):
    """What each is called (a LOINC code, else the text), with its value."""
    found = {}
    for resource in of_type(bundle, "Observation"):
        for part in [resource, *resource.get("component", [])]:
            code = part["code"].get("coding", [{"code": part["code"]["text"]}])[0]["code"]
            quantity = part.get("valueQuantity")
            found[code] = (quantity["value"], quantity["code"]) if quantity else part.get("valueBoolean")
    return found


# ---- HL7


def split(text):
    return [segment.split("|") for segment in text[:-1].split("\r")]


def observation_lines(text):
    return [segment for segment in split(text) if segment[0] == "OBX"]


def check_hl7(text):
    assert text.endswith("\r") and "\n" not in text
    for segment in text[:-1].split("\r"):
        assert segment.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", segment)
        assert re.match(r"[A-Z][A-Z0-9]{2}\|", segment)
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert message.validate()
    segments, lines = split(text), observation_lines(text)
    head = segments[0]
    assert head[8] == "ORU^R01^ORU_R01" and re.fullmatch(r"[0-9a-f]{20}", head[9]) and head[10] == "P" and head[11] == "2.5.1"
    assert re.fullmatch(r"\d{14}[+-]\d{4}", head[6])
    assert [segment[0] for segment in segments[:4]] == ["MSH", "PID", "PV1", "OBR"]
    patient, order = segments[1], segments[3]
    assert patient[3] and patient[5] and order[4]
    assert [int(line[1]) for line in lines] == list(range(1, len(lines) + 1)) and len(lines) < 10000
    for line in lines:
        assert line[2] in ("TX", "CE", "NM") and line[3] and line[5] and line[11] == "P"
        assert all(len(value) <= 199 for value in re.split(r"[~^]", line[5]))
        if line[2] == "NM":
            assert re.fullmatch(r"\d+(\.\d+)?", line[5])
    keys = [(line[3], line[4]) for line in lines]
    assert len(set(keys)) == len(keys)  # OBX-3 and OBX-4 tell every line from the others
    assert any(segment[0] == "NTE" and segment[3] == DISCLAIMER for segment in segments)
    return lines


def unescaped(field):
    return re.sub(r"\\([FSTRE])\\", lambda match: dict(zip("FSTRE", "|^&~\\"))[match.group(1)], field)


def values(lines, code):
    return [unescaped(value) for line in lines if line[3].split("^")[0] == code for value in line[5].split("~")]


CHECKS = {"json": check_json, "xml": check_xml, "fhir": check_fhir, "hl7": check_hl7}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("format_name", CHECKS)
def test_every_text_gives_a_valid_report(format_name, name):
    CHECKS[format_name](written(format_name, TEXTS[name]))


@pytest.mark.parametrize("format_name", CHECKS)
@pytest.mark.parametrize("arguments", [("--seed", "1"), ("--seed", "2", "--max-tokens", "9"), ("--seed", "3", "--think", "--temperature", "1.5")])
def test_what_a_model_writes_stays_valid(format_name, arguments):
    text = written(format_name, MIGRAINE, *arguments, "--model", str(MODEL))
    CHECKS[format_name](text)
    assert NOTICE is None or NOTICE in text


@pytest.mark.parametrize("format_name", CHECKS)
def test_an_adapter_is_named(format_name, adapter):
    text = written(format_name, MIGRAINE, "--greedy", "--max-tokens", "4", "--lora", f"{adapter}:0.25", "--model", str(MODEL))
    CHECKS[format_name](text)
    assert "clinic" in text


RECORD = "".join(
    f"2024年{month}月{day}日\n主诉:头痛{day}天,恶心|&,咳嗽。家里装修,天气转凉,邻居来访。否认发热。无处方<b>。\n" for month in range(1, 13) for day in range(1, 9)
)


@pytest.mark.parametrize("format_name", CHECKS)
def test_a_record_longer_than_the_context_says_what_was_left_out(format_name):
    text = written(format_name, RECORD, "--seed", "4", "--ctx", "2048", "--max-tokens", "40", "--model", str(MODEL))
    report = CHECKS[format_name](text)
    if format_name == "json":
        assert report["input"]["left_out"] and report["input"]["kept"] < report["input"]["sentences"]
    elif format_name == "xml":
        assert report.find("r:left-out", NAMESPACE) is not None
    else:
        assert "文本较长" in text


def test_text_of_every_kind_is_written():
    for text in TEXTS.values():
        assert DISCLAIMER in written("text", text)


# ---- what the formats say, and that they agree


def test_xml_keeps_what_xml_can_hold():
    document = check_xml(written("xml", TEXTS["markup"]))
    assert document.findtext("r:input", namespaces=NAMESPACE) == TEXTS["markup"].strip()
    shown = check_xml(written("xml", TEXTS["control characters"])).findtext("r:input", namespaces=NAMESPACE)
    assert shown == "头痛\t\n\r\x7f\x80\x85\x9f三天,恶心\r\n发热"


def test_hl7_keeps_every_printable_character():
    lines = check_hl7(written("hl7", TEXTS["markup"]))
    assert values(lines, "10164-2") == [TEXTS["markup"].strip()]
    lines = check_hl7(written("hl7", "头痛\n\n三天\n发热"))
    assert values(lines, "10164-2") == ["头痛", "三天", "发热"]
    lines = check_hl7(written("hl7", TEXTS["one long line"]))
    assert "".join(values(lines, "10164-2")) == TEXTS["one long line"]
    lines = observation_lines(written("hl7", TEXTS["many lines"]))
    assert values(lines, "10164-2") == TEXTS["many lines"].split()


def test_fhir_says_what_was_told():
    bundle = check_fhir(written("fhir", FULL))
    told = observations(bundle)
    assert told["突发剧烈头痛"] is True and told["恶心"] is True and told["发热"] is False and told["妊娠"] is False
    assert told["30525-0"] == (35, "a") and told["8310-5"] == (37.2, "Cel") and told["8480-6"] == (150, "mm[Hg]")
    assert told["8462-4"] == (95, "mm[Hg]") and told["8867-4"] == (102, "/min") and told["9279-1"] == (20, "/min")
    assert told["2708-6"] == (96, "%")
    assert of_type(bundle, "Patient")[0]["gender"] == "female"
    assert of_type(bundle, "AllergyIntolerance")[0]["code"]["text"] == "青霉素"
    assert of_type(bundle, "MedicationStatement")[0]["medicationCodeableConcept"]["text"] == "氨氯地平"
    assert any(risk["prediction"][0]["outcome"]["text"].startswith("警惕蛛网膜下腔出血") for risk in of_type(bundle, "RiskAssessment"))
    impression = of_type(bundle, "ClinicalImpression")[0]
    conditions = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    weighed = [conditions[finding["itemReference"]["reference"]] for finding in impression["finding"]]
    assert weighed[0]["resourceType"] == "Condition" and weighed[0]["code"]["coding"][0]["code"] == "G43.9"
    assert of_type(bundle, "ServiceRequest")[0]["code"]["text"]
    assert [section["title"] for section in bundle["entry"][0]["resource"]["section"]][:3] == ["警示", "不可漏诊", "主诉"]


@pytest.mark.parametrize("format_name", ["text", "fhir", "hl7"])
def test_silence_is_not_taken_for_safety(format_name):
    silence = "这不表示没有危险"
    assert silence in written(format_name, "打喷嚏两天")
    assert silence not in written(format_name, "突然胸痛,出冷汗,左胳膊发麻")


def test_fhir_leaves_out_what_was_not_told():
    bundle = check_fhir(written("fhir", "你好"))
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} == {"Composition", "Patient", "Device", "ClinicalImpression"}
    assert of_type(bundle, "Patient")[0]["gender"] == "unknown"


def test_hl7_says_what_was_told():
    text = written("hl7", FULL)
    lines = check_hl7(text)
    assert values(lines, "10154-3")[0].startswith("突发剧烈头痛")
    assert values(lines, "YT.DENIED") == ["发热（无发热）"]
    assert values(lines, "8310-5") == ["37.2"] and values(lines, "8480-6") == ["150"] and values(lines, "48765-2") == ["青霉素"]
    assert [line[6] for line in lines if line[3].startswith("8310-5")] == ["Cel^℃^UCUM"]
    first = {line[3].split("^")[0]: line for line in lines if line[4] == "1"}
    assert first["29308-4"][5].split("^")[::2] == ["G43.9", "I10"] and 0 < float(first["YT.CONF"][5]) <= 1
    assert lines[0][5].startswith("emergency^") and first["YT.WARNING"][8] == "AA"
    assert text.split("\r")[1].split("|")[8] == "F"


def plain(name, format_name):
    return CHECKS[format_name](written(format_name, TEXTS[name]))


@pytest.mark.parametrize("name", ["full", "migraine", "cough", "nothing found", "an infant"])
def test_formats_agree(name):
    report, document, bundle, lines = (plain(name, kind) for kind in CHECKS)
    names = [diagnosis["name"] for diagnosis in report["differential"]]
    assert [item.get("name") for item in document.iterfind("r:diagnosis", NAMESPACE)] == names
    assert [value.split("^")[1] for value in values(lines, "29308-4")] == names
    different = [item for item in of_type(bundle, "Condition") if "extension" in item]
    assert [item["code"]["text"] for item in different] == names
    entities = [(item["kind"], item["polarity"], item["start"], item["end"]) for item in report["findings"]["entities"]]
    assert entities == [
        (item.get("type"), item.get("polarity"), int(item.get("start")), int(item.get("end")))
        for item in document.iterfind("r:entity", NAMESPACE)
    ]
    rules = [warning["rule"] for warning in report["warnings"]]
    assert [item.get("rule") for item in document.iterfind("r:risk", NAMESPACE)] == rules
    assert [value.split("^")[0] for value in values(lines, "YT.WARNING")] == rules
    assert [item["method"]["coding"][0]["code"] for item in of_type(bundle, "RiskAssessment") if "method" in item] == rules
    present = {item["symptom"] for item in report["findings"]["positive"]}
    assert {code for code, value in observations(bundle).items() if value is True} == present
    assert document.get("urgency") == report["urgency"] == values(lines, "YT.URGENCY")[0].split("^")[0]


def test_schema_files_are_strict():
    report = json.loads(written("json", FULL))
    for field, wrong in [("urgency", "soon"), ("differential", None), ("confidence", 2), ("schema", "youtu.diagnose/2")]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**report, field: wrong}, SCHEMA)
    text = written("xml", FULL)
    for right, wrong in [('urgency="emergency"', 'urgency="soon"'), ("<complaint>", "<complaint/><complaint>"), ('polarity="denied"', 'polarity="no"')]:
        assert right in text
        assert not XSD.validate(etree.fromstring(text.replace(right, wrong, 1).encode()))
