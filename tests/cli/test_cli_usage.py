"""Options, commands and exit statuses."""

import pytest

from conftest import refused, run


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for option in ("--model", "--department", "--repetition-penalty", "--rules-only", "--output"):
        assert f"  {option}" in done.stdout
    assert "chat" in done.stdout and "info" in done.stdout and "退出状态" in done.stdout
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("youtu-diagnose ")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--nonsense", "头痛"], ["--nonsense", "--help"]),
        (["--temperature", "hot", "头痛"], ["--temperature", "hot", "0 到 10"]),
        (["--format", "pdf", "头痛"], ["--format", "pdf", "text|json|xml|fhir|hl7"]),
        (["--dtype", "int4", "头痛"], ["--dtype", "int4", "auto|bf16|fp16"]),
        (["--dtype", "int8", "头痛"], ["--dtype", "int8", "本版本"]),
        (["--device", "toaster", "头痛"], ["toaster", "cuda:N"]),
        (["--device", "cuda:", "头痛"], ["cuda:N"]),
        (["--device", "cuda:-1", "头痛"], ["cuda:-1", "cuda:N"]),
        (["--device", "cuda:99999999999", "头痛"], ["cuda:99999999999", "cuda:N"]),
        (["batch", "--resume"], ["--resume", "--output"]),
        (["serve"], ["serve"]),
        (["头痛", "恶心"], ["恶心", "引号"]),
        (["--department", "兽医科", "--model", "models/youtu-demo", "头痛"], ["兽医科", "全科"]),
        (["--department", "兽医科", "--rules-only", "头痛"], ["兽医科", "全科"]),
    ],
)
def test_usage_errors(arguments, words):
    refused(run(*arguments), 1, *words)


def test_info_tells_model_memory_and_knowledge():
    done = run("info")
    assert done.returncode == 0, done.stderr
    for word in ("youtu-demo", "bf16", "cpu", "MiB", "种疾病", "警示规则", "全科", "不得用于临床"):
        assert word in done.stdout


def test_info_without_a_model_tells_the_rest():
    done = run("info", "--model", "/nonexistent")
    assert done.returncode == 3
    assert "种疾病" in done.stdout and "/nonexistent" in done.stderr
