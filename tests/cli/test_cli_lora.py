"""--lora: an adapter beside the model."""

import json

from conftest import MIGRAINE, refused, report, run


def narrative(*arguments):
    return report("--greedy", "--max-tokens", "40", *arguments, MIGRAINE)["narrative"]


def test_an_adapter_acts_by_its_scale(adapter):
    bare = narrative()
    assert narrative("--lora", f"{adapter}:0") == bare
    assert narrative("--lora", f"{adapter}:80") != bare


def test_the_report_names_it(adapter):
    made = report("--greedy", "--max-tokens", "4", "--lora", f"{adapter}:0.25", MIGRAINE)
    assert made["model"]["adapter"] == {"name": "clinic", "scale": 0.25}
    assert report("--greedy", "--max-tokens", "4", MIGRAINE)["model"]["adapter"] is None


def test_info_and_chat(adapter):
    told = run("info", "--lora", f"{adapter}:0.5").stdout
    assert f"适配器    clinic({adapter}),强度 0.5:40 处,秩最大 4," in told
    assert "适配器" not in run("info").stdout
    done = run("chat", "--lora", str(adapter), "--greedy", "--max-tokens", "4", stdin=f"{MIGRAINE}\n")
    assert done.returncode == 0 and done.stderr == ""


def test_what_cannot_be_applied_is_refused(adapter, folder):
    refused(run("--lora", str(folder), MIGRAINE), 3, "--lora", "adapter_config.json", "cannot be opened")
    refused(run("--lora", f"{adapter}:much", MIGRAINE), 3, "clinic:much/adapter_config.json")
    refused(run("--lora", f"{adapter}:1000", MIGRAINE), 1, "--lora", "1000")
    settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps({**settings, "use_dora": True}), encoding="utf-8")
    (folder / "adapter_model.safetensors").symlink_to(adapter / "adapter_model.safetensors")
    refused(run("--lora", str(folder), MIGRAINE), 3, "use_dora", "true")
    # On CUDA nothing is applied.
    assert run("--lora", str(adapter), "--device", "cuda", MIGRAINE).returncode in (3, 4)
