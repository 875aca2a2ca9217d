"""The include graph is a tree that a reader can draw: which folder may include which."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)

# folder -> folders of the project whose headers it may include
ALLOWED = {
    "libyoutu": {"libyoutu"},
    "kernels/cpu": {"kernels/cpu", "libyoutu"},
    "kernels/cpu/isa": {"kernels/cpu/isa", "kernels/cpu", "libyoutu"},
    "kernels/cuda": {"kernels/cuda", "libyoutu"},
    "cli/clinic": {"cli/clinic"},
    "cli": {"cli", "cli/clinic", "libyoutu"},
    "bench": {"bench", "libyoutu"},
    "examples": set(),
}
# what crosses a boundary, header by header
PUBLIC = {"libyoutu/youtu.h"}
DEVICE = {f"libyoutu/{name}.h" for name in "array backend config dtype error kvcache plugin weights youtu".split()}


def resolve(source, name):
    for base in (source.parent, ROOT, ROOT / "libyoutu"):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(ROOT)
    raise AssertionError(f'{source}: include "{name}" is no file of the project')


def edges(folder):
    for source in sorted(p for p in (ROOT / folder).iterdir() if p.suffix in {".c", ".h", ".cu", ".cuh"}):
        for name in INCLUDE.findall(source.read_text(encoding="utf-8")):
            yield source.relative_to(ROOT), resolve(source, name)


def test_folders():
    seen = 0
    for folder, allowed in ALLOWED.items():
        for source, target in edges(folder):
            seen += 1
            assert str(target.parent) in allowed, f"{source} includes {target}"
    assert seen > 50


def test_programs_see_only_the_public_header():
    for folder in ("cli", "bench"):
        for source, target in edges(folder):
            if target.parts[0] == "libyoutu":
                assert str(target) in PUBLIC, f"{source} includes {target}"


def test_kernels_see_only_what_a_device_needs():
    for folder in ("kernels/cpu", "kernels/cpu/isa", "kernels/cuda"):
        for source, target in edges(folder):
            if target.parts[0] == "libyoutu":
                assert str(target) in DEVICE, f"{source} includes {target}"


def test_no_cycles():
    graph = {}
    for folder in ALLOWED:
        for source, target in edges(folder):
            graph.setdefault(str(source), []).append(str(target))

    def visit(node, path):
        assert node not in path, " -> ".join(path + [node])
        for target in graph.get(node, []):
            visit(target, path + [node])

    for node in graph:
        visit(node, [])
