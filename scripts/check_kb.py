#!/usr/bin/env python3
"""Check a clinical knowledge base (youtu.kb/1) before it is compiled in or handed to --kb.

    check_kb.py [KNOWLEDGE.json [SCHEMA.json [LEXICON.json]]]

The structure is checked against the JSON Schema where the jsonschema package is installed; what a schema cannot say
is always checked here. Exit status: 0 sound, 1 with one line per fault naming the entry.
"""
import json
import os
import re
import sys

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli", "data")
ICD10 = re.compile(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?")
DOSE = re.compile(r"[0-9０-９一二两三四五六半]+\s*(mg|g|ml|毫克|毫升|克|片|粒|丸|支|袋|滴|单位)(?!子)|每[日天][0-9一二两三四]次")


# Where the lexicon lists the names that a finding's field may hold.
LEXICON_LISTS = {"site": "sites", "quality": "qualities", "aggravating": "triggers", "relieving": "triggers",
                 "history": "conditions", "medication": "drugs"}
# A disease needs this many findings for it; what is only a symptom's code (chapter R) does not.
LEAST_FINDINGS_FOR = 6


class Faults(list):
    def add(self, where, message):
        self.append(f"{where}: {message}")


def load(path):
    def once(pairs):
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"key {key!r} twice in one object")
        return dict(pairs)

    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=once)


def entry_name(kb, path):
    """The name of the disease that holds a schema error, or its path."""
    if len(path) >= 2 and path[0] == "diseases":
        entry = kb[path[0]][path[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        return f"{path[0]}[{path[1]}] {name}: " + "/".join(map(str, path[2:]))
    return "/".join(map(str, path)) or "top level"


def check_schema(kb, schema, faults):
    """True when the schema was applied."""
    try:
        import jsonschema
    except ImportError:
        return False
    jsonschema.Draft202012Validator.check_schema(schema)
    for error in jsonschema.Draft202012Validator(schema).iter_errors(kb):
        faults.add(entry_name(kb, list(error.absolute_path)), error.message)
    return True


def owners(entries, kind, faults):
    """Each name and alias with the entry it belongs to; a second owner is a fault."""
    owner = {}
    for entry in entries:
        for word in [entry["name"], *entry["aliases"]]:
            if word in owner:
                faults.add(f"{kind} {entry['name']}", f"{word!r} already belongs to {owner[word]}")
            owner.setdefault(word, entry["name"])
    return owner


def check_disease(disease, kb, lexicon, symptoms, diseases, faults):
    where = f"disease {disease['name']}"
    if not ICD10.fullmatch(disease["icd10"]):
        faults.add(where, f"icd10 {disease['icd10']!r} is not an ICD-10 code")
    for department in disease["departments"]:
        if department not in kb["departments"]:
            faults.add(where, f"department {department!r} is not listed")
    low, high = disease["ages"]["min"], disease["ages"]["max"]
    if low is not None and high is not None and low >= high:
        faults.add(where, f"ages {low} to {high} is empty")
    if not 1 <= disease["commonness"] <= 5:
        faults.add(where, f"commonness {disease['commonness']} is not in 1..5")
    seen = set()
    for finding in disease["findings"]:
        (field, value), = ((key, finding[key]) for key in finding if key != "weight")
        if field == "symptom" and value not in symptoms:
            faults.add(where, f"finding {value!r} is not the name of a symptom")
        if field in LEXICON_LISTS and value not in lexicon[LEXICON_LISTS[field]]:
            faults.add(where, f"{field} {value!r} is not in the lexicon's {LEXICON_LISTS[field]}")
        if (field, value) in seen:
            faults.add(where, f"{field} {value!r} twice")
        seen.add((field, value))
    if sum(finding["weight"] > 0 for finding in disease["findings"]) < LEAST_FINDINGS_FOR and disease["icd10"][0] != "R":
        faults.add(where, f"fewer than {LEAST_FINDINGS_FOR} findings speak for it")
    if not any(finding["weight"] > 1 for finding in disease["findings"]):
        faults.add(where, "no finding weighs more than 1: nothing can bring it forward")
    for other in disease["differentials"]:
        if other not in diseases or other == disease["name"]:
            faults.add(where, f"differential {other!r} is not the name of another disease")
    for text in [disease["basis"], disease["risk"], *(test["reason"] for test in disease["tests"])]:
        if DOSE.search(text):
            faults.add(where, f"{text!r} reads like a dose")


def check_order(kb, faults):
    """A kind stands behind its broader disease."""
    before = set()
    for disease in kb["diseases"]:
        if disease.get("kind_of") and disease["kind_of"] not in before:
            faults.add(f"disease {disease['name']}", f"kind_of {disease['kind_of']!r} is not the name of a disease before it")
        before.add(disease["name"])


def check_relations(kb, symptoms, faults):
    owner = {}
    for entry in kb.get("broader", []):
        for name in [entry["name"], *entry["kinds"]]:
            if name not in symptoms:
                faults.add(f"broader {entry['name']}", f"{name!r} is not the name of a symptom")
        for kind in entry["kinds"]:
            if kind in owner:
                faults.add(f"broader {entry['name']}", f"{kind!r} is already a kind of {owner[kind]}")
            owner.setdefault(kind, entry["name"])
    for name in kb.get("circumstances", []):
        if name not in symptoms:
            faults.add("circumstances", f"{name!r} is not the name of a symptom")
    for field, key in (("measured", "symptom"), ("questions", "symptom"), ("synonyms", "means")):
        for entry in kb.get(field, []):
            if entry[key] not in symptoms:
                faults.add(field, f"{entry[key]!r} is not the name of a symptom")


def summary(kb, lexicon, schema_applied):
    findings = [finding for disease in kb["diseases"] for finding in disease["findings"]]
    used = {finding["symptom"] for finding in findings if "symptom" in finding}
    unused = sorted(lexicon["symptoms"] - used)
    per_department = {name: sum(name in disease["departments"] for disease in kb["diseases"]) for name in kb["departments"]}
    print(f"schema {kb['schema']}, version {kb['version']}"
          + ("" if schema_applied else " (jsonschema not installed: structure checked only where it is used)"))
    print(f"symptoms of the lexicon {len(lexicon['symptoms'])}, in no disease {len(unused)}"
          + (": " + " ".join(unused) if unused else ""))
    print(f"diseases {len(kb['diseases'])}, never to be missed {sum(disease['never_miss'] for disease in kb['diseases'])}, "
          f"findings for {sum(finding['weight'] > 0 for finding in findings)}, "
          f"against {sum(finding['weight'] < 0 for finding in findings)}, "
          f"tests {sum(len(disease['tests']) for disease in kb['diseases'])}")
    print("diseases by department: " + " ".join(f"{name} {count}" for name, count in per_department.items()))


def check(kb, schema, lexicon):
    faults = Faults()
    schema_applied = check_schema(kb, schema, faults)
    if faults:
        return faults, schema_applied
    own = kb.get("symptoms", [])
    symptoms = lexicon["symptoms"] | {symptom["name"] for symptom in own}
    diseases = {disease["name"] for disease in kb["diseases"]}
    owners(own, "symptom", faults)
    owners(kb["diseases"], "disease", faults)
    for disease in kb["diseases"]:
        check_disease(disease, kb, lexicon, symptoms, diseases, faults)
    check_order(kb, faults)
    check_relations(kb, symptoms, faults)
    return faults, schema_applied


def main(arguments):
    if len(arguments) > 3 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip(), file=sys.stderr)
        return 1
    kb_path = arguments[0] if arguments else os.path.join(DATA, "knowledge.json")
    schema_path = arguments[1] if len(arguments) > 1 else os.path.join(DATA, "knowledge.schema.json")
    lexicon_path = arguments[2] if len(arguments) > 2 else os.path.join(DATA, "lexicon.json")
    try:
        kb, schema = load(kb_path), load(schema_path)
        lexicon = {field: {entry["name"] for entry in entries} for field, entries in load(lexicon_path).items()
                   if isinstance(entries, list) and entries and isinstance(entries[0], dict)}
    except (OSError, ValueError) as error:
        print(f"check_kb: {error}", file=sys.stderr)
        return 1
    try:
        faults, schema_applied = check(kb, schema, lexicon)
    except (KeyError, TypeError, AttributeError) as error:
        print(f"check_kb: {kb_path}: structure is not youtu.kb/1 ({error!r}); install jsonschema to see where", file=sys.stderr)
        return 1
    for fault in faults:
        print(f"check_kb: {kb_path}: {fault}", file=sys.stderr)
    if faults:
        return 1
    summary(kb, lexicon, schema_applied)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
