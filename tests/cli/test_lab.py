from jupyter_client.kernelspec import KernelSpecManager

from course.cli.lab import environment, write_pages


def test_in_the_lab_python3_starts_warm_and_elsewhere_it_stays_plain(monkeypatch):
    assert "kernel_provisioner" not in KernelSpecManager().get_kernel_spec("python3").metadata
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "course-warm"


def test_the_start_page_and_the_glossary_lie_beside_the_lessons(tmp_path):
    write_pages(tmp_path)
    assert (
        (tmp_path / "START.md").read_text(encoding="utf-8").startswith("# Training neural networks")
    )
    assert (tmp_path / "GLOSSARY.md").read_text(encoding="utf-8").startswith("# Glossary")
