from jupyter_client.kernelspec import KernelSpecManager

from course.cli.lab import environment


def test_in_the_lab_python3_starts_warm_and_elsewhere_it_stays_plain(monkeypatch):
    assert "kernel_provisioner" not in KernelSpecManager().get_kernel_spec("python3").metadata
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "course-warm"
