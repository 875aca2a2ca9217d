#!/usr/bin/env python3
"""Checks every data file of cli/data that has a schema beside it (NAME.json, NAME.schema.json).

Exit status: 0 sound, 1 with one line per fault. Needs jsonschema.
"""
import json
import sys
from pathlib import Path

import jsonschema

DATA = Path(__file__).resolve().parent.parent / "cli/data"


def main():
    faults = 0
    for schema_path in sorted(DATA.glob("*.schema.json")):
        path = schema_path.with_name(schema_path.name.replace(".schema", ""))
        if not path.exists():  # the schema of what the program writes
            continue
        schema = json.loads(schema_path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        for error in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(path.read_text(encoding="utf-8"))):
            where = "/".join(map(str, error.absolute_path)) or "top level"
            print(f"{path.name}: {where}: {error.message[:200]}", file=sys.stderr)
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
