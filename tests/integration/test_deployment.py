"""The files that deploy Marquee: read for what must hold, and run as far as no container engine is needed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from marquee.engine.cluster import Endpoint
from marquee.engine.node.layout import ENGINE_VERSION
from marquee.settings import PREFIX, SECRETS, Settings, read_settings
from tests.conftest import run_service

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
# A name with a registry's host or without, and a version of three parts.
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def check_environment(environ: dict[str, str], folder: Path) -> None:
    """Every variable is a setting of ours, and has a value that fits, whatever the files hold."""
    for name, value in environ.items():
        if name.removesuffix("_FILE").removeprefix(PREFIX).lower() in SECRETS and name.endswith("_FILE"):
            assert value.startswith("/run/marquee/")
            path = folder / Path(value).name
            path.write_text("redis://localhost" if "REDIS" in name else "https://localhost:9200")
            environ = environ | {name: str(path)}
    _, warnings = read_settings(environ)
    assert warnings == []


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert PINNED.fullmatch(service["image"]), name
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    assert PINNED.fullmatch(bases[0])


def test_the_engine_is_the_release_we_test_with(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values()}
    engines = {image for image in images if "elasticsearch" in image}
    assert engines == {f"docker.elastic.co/elasticsearch/elasticsearch:{ENGINE_VERSION}"}


def test_every_service_says_whether_it_is_well_and_may_not_do_more_than_it_must(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"], name
        if name == "setup":  # as root, for a moment, without a network
            assert service["network_mode"] == "none"
            continue
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["mem_limit"], name
        assert service.get("read_only") or name == "elasticsearch", name


def test_nothing_but_the_proxy_is_published(compose: dict[str, Any]) -> None:
    published = {name for name, service in compose["services"].items() if service.get("ports")}
    assert published == {"proxy"}
    assert compose["networks"]["inside"]["internal"] is True
    assert compose["services"]["elasticsearch"]["networks"] == ["inside"]
    assert compose["services"]["redis"]["networks"] == ["inside"]


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert not re.search("PASSWORD$|TOKEN$|API_KEY$|(ELASTICSEARCH|REDIS)_URL$", name), name


def test_data_outlive_their_containers(compose: dict[str, Any]) -> None:
    mounted = [each.split(":")[0] for each in compose["services"]["elasticsearch"]["volumes"]]
    # The image has no folder for this one, so that Docker makes it as root's: the set-up hands it over.
    assert "elasticsearch-backup:/backup" in compose["services"]["setup"]["volumes"]
    assert {"elasticsearch-data", "elasticsearch-backup"} <= set(mounted) & set(compose["volumes"])


@pytest.mark.parametrize("service", ["serve", "worker"])
def test_compose_sets_what_marquee_knows(compose: dict[str, Any], service: str, tmp_path: Path) -> None:
    environ = compose["services"][service]["environment"]
    assert all(isinstance(value, str) for value in environ.values()), "numbers are quoted"
    check_environment(environ, tmp_path)


def test_two_serve_behind_the_proxy_which_they_believe(compose: dict[str, Any]) -> None:
    serve = compose["services"]["serve"]
    assert serve["deploy"]["replicas"] == 2
    (front,) = compose["networks"]["front"]["ipam"]["config"]
    assert serve["environment"]["MARQUEE_TRUSTED_PROXIES"] == front["subnet"]


def test_prometheus_asks_every_process_for_itself() -> None:
    config = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["dns_sd_configs"][0]["names"] == ["serve"]
    assert job["dns_sd_configs"][0]["port"] == 8000
    command = ["promtool", "check", "config", "monitoring/prometheus.yml"]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0


def test_kubernetes_accepts_the_manifests(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, "1.31", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**manifests[1], "spec": {"replicas": "two"}}, "1.31", strict=True)


def test_pods_probe_what_is_served_and_set_what_marquee_knows(
    manifests: list[dict[str, Any]], tmp_path: Path
) -> None:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    (config,) = by_kind["ConfigMap"]
    selectors = [each["spec"]["selector"]["matchLabels"] for each in by_kind["PodDisruptionBudget"]]
    paths = set()
    for deployment in by_kind["Deployment"]:
        pod = deployment["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert deployment["spec"]["selector"]["matchLabels"] in selectors
        (container,) = pod["containers"]
        assert PINNED.fullmatch(container["image"])
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        extra = {each["name"]: each["value"] for each in container.get("env", ())}
        check_environment(config["data"] | extra, tmp_path)
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            if kind in container:
                paths.add(container[kind]["httpGet"]["path"])
    assert paths == {"/health/live", "/health/ready"}


def test_the_images_steps_install_a_marquee_that_runs(tmp_path: Path) -> None:
    """The build stage in a clean folder: nothing is compiled, nothing of the builder is left."""
    stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    place, source = tmp_path / "opt", tmp_path / "source"
    source.mkdir()
    for line in stage.replace("\\\n", "").splitlines():
        if line.startswith("COPY "):
            *names, target = line.split()[1:]
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(
                        ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__")
                    )
                else:
                    shutil.copy(ROOT / name, source)
        elif line.startswith("RUN "):
            command = line.removeprefix("RUN ").replace("/opt/marquee", str(place))
            command = command.replace("python -m venv", f"{sys.executable} -m venv")
            # No compiler is found, should one be looked for.
            environ = {**os.environ, "CC": "/bin/false", "CXX": "/bin/false"}
            shell = ["sh", "-c", command]
            ended = subprocess.run(
                shell, cwd=source, env=environ, check=False, capture_output=True, text=True
            )
            assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    shown = subprocess.run(
        [place / "bin" / "marquee", "--version"], check=True, capture_output=True, text=True
    )
    assert "0.1.0" in shown.stdout
    assert not list((place / "bin").glob("pip*")), "no installer is left"
    modules = {path.name for path in next((place / "lib").iterdir()).joinpath("site-packages").iterdir()}
    assert "marquee" in modules
    assert not {"pip", "hatchling", "pytest"} & modules


# What the tool of Elasticsearch's distribution does, which is not at hand: zips of the same names.
_CERTUTIL = """#!{python}
import sys, zipfile
made = sys.argv[sys.argv.index("--out") + 1]
names = ["ca/ca.crt", "ca/ca.key"] if sys.argv[1] == "ca" else ["elasticsearch/elasticsearch.crt", "elasticsearch/elasticsearch.key"]
with zipfile.ZipFile(made, "w") as packed:
    for name in names:
        packed.writestr(name, name)
"""  # noqa: E501
_UNZIP = """#!{python}
import sys, zipfile
zipfile.ZipFile(sys.argv[2]).extractall(sys.argv[4])
"""


def run_setup(folder: Path) -> dict[str, str]:
    """Run the set-up of docker-compose.yml; return what it made, by path."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name, text in (("certutil", _CERTUTIL), ("unzip", _UNZIP)):
        (tools / name).write_text(text.format(python=sys.executable))
        (tools / name).chmod(0o755)
    secrets, backup = folder / "secrets", folder / "backup"
    backup.mkdir(exist_ok=True)
    for name in ("elasticsearch", "redis", "marquee"):
        (secrets / name).mkdir(parents=True, exist_ok=True)
    owner = f"{os.getuid()}:{os.getgid()}"
    environ = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SECRETS": str(secrets),
        "BACKUP": str(backup),
        "CERTUTIL": str(tools / "certutil"),
        **{f"{name}_OWNER": owner for name in ("ENGINE", "REDIS", "MARQUEE")},
    }
    subprocess.run(["bash", DEPLOY / "setup.sh"], env=environ, check=True)
    files = [path for path in secrets.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}
    return {str(path.relative_to(secrets)): path.read_text() for path in files}


def put_secret(folder: Path, name: str, text: str) -> None:
    """Have one of the services' secrets there before the set-up."""
    (folder / "secrets" / "marquee").mkdir(parents=True)
    (folder / "secrets" / "marquee" / name).write_text(text)


def test_the_setup_leaves_alone_what_is_there(tmp_path: Path) -> None:
    put_secret(tmp_path, "tokens", "me admin 00\n")
    made = run_setup(tmp_path)
    assert made["marquee/tokens"] == "me admin 00\n"
    assert "marquee/admin_token" not in made, "it would be in no tokens file"


def test_the_setup_takes_an_admin_token_that_is_there(tmp_path: Path) -> None:
    put_secret(tmp_path, "admin_token", "a token of mine\n")
    made = run_setup(tmp_path)
    assert made["marquee/admin_token"] == "a token of mine\n"
    assert made["marquee/tokens"].split()[2] == hashlib.sha256(b"a token of mine").hexdigest()


def test_the_setup_makes_secrets_once(tmp_path: Path) -> None:
    made = run_setup(tmp_path)
    password = made["elasticsearch/password"].strip()
    assert len(password) == 32
    assert made["marquee/elasticsearch_url"] == f"https://elastic:{password}@elasticsearch:9200\n"
    assert f"requirepass {made['redis/password'].strip()}\n" in made["redis/redis.conf"]
    name, role, digest = made["marquee/tokens"].split()
    assert (name, role) == ("admin", "admin")
    assert digest == hashlib.sha256(made["marquee/admin_token"].strip().encode()).hexdigest()
    assert "elasticsearch/ca.key" not in made
    assert run_setup(tmp_path) == made, "a second start changes nothing"
    files = {
        "MARQUEE_ELASTICSEARCH_URL_FILE": "elasticsearch_url",
        "MARQUEE_REDIS_URL_FILE": "redis_url",
        "MARQUEE_TOKENS_FILE": "tokens",
    }
    folder = tmp_path / "secrets" / "marquee"
    settings, warnings = read_settings({key: str(folder / file) for key, file in files.items()})
    assert warnings == []
    assert Endpoint.from_settings(settings).password == password


@pytest.fixture
def proxied(settings: Settings, endpoint: Endpoint, sample: str) -> Iterator[str]:
    """A real Caddy with our Caddyfile before a real service; its address."""
    caddy = shutil.which("caddy")
    if caddy is None:
        reason = "no Caddy: install Debian's `caddy`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    believed = {
        "MARQUEE_TRUSTED_PROXIES": "127.0.0.1",
        "MARQUEE_RATE_LIMIT": "3/minute",
        "MARQUEE_HOST": "127.0.0.1",
    }
    with run_service(settings, endpoint, believed) as url:
        environ = {
            **os.environ,
            "SITE": f":{port}",
            "SERVE_HOST": "127.0.0.1",
            "SERVE_PORT": url.rsplit(":", 1)[1],
            "HOME": str(settings.home),
        }
        command = [caddy, "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
            try:
                until = time.monotonic() + 60
                while True:
                    try:
                        httpx.get(f"http://127.0.0.1:{port}/health/live")
                        break
                    except httpx.TransportError:
                        assert time.monotonic() < until, "Caddy does not listen"
                        time.sleep(0.05)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def test_the_proxy_passes_on_what_is_for_the_world(proxied: str) -> None:
    with httpx.Client(base_url=proxied) as client:
        found = client.get("/v1/actors/search", params={"q": "jake gylenhal"})
        assert found.json()["hits"][0]["name"] == "Jake Gyllenhaal"
        assert client.get("/").status_code == 200
        assert client.get("/metrics").status_code == 404
        # Whatever clients say of themselves, the proxy says who asks: the limit counts them as one.
        statuses = [
            client.get("/v1/actors/suggest", params={"q": "jak"}, headers={"X-Forwarded-For": f"10.0.0.{n}"})
            for n in range(4)
        ]
        assert [each.status_code for each in statuses].count(429) >= 1


def test_the_proxy_says_when_nobody_is_there(proxied: str) -> None:
    """Its own health does not depend on that of the service."""
    assert httpx.get("http://127.0.0.1:8081/alive").status_code == 200
