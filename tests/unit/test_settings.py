from __future__ import annotations

from pathlib import Path

import certifi
import msgspec
import pytest

from marquee.engine.cluster import Cluster, Endpoint
from marquee.errors import SettingsError
from marquee.settings import PREFIX, SECRETS, Settings, read_settings

README = Path(__file__).parents[2] / "README.md"


def test_defaults() -> None:
    settings, warnings = read_settings({})
    assert warnings == []
    assert (settings.index_prefix, settings.port, settings.people) == ("marquee", 8000, "actors")


def test_values_are_parsed_by_their_type() -> None:
    environ = {
        "MARQUEE_PORT": "0",
        "MARQUEE_ADULT": "Yes",
        "MARQUEE_TITLE_TYPES": "movie, tvSeries",
        "MARQUEE_ELASTICSEARCH_URL": "http://a:9200,http://b:9200",
        "MARQUEE_HOST": "  ",
        "PATH": "/bin",
    }
    settings, _ = read_settings(environ)
    assert (settings.port, settings.adult, settings.host) == (0, True, "127.0.0.1")
    assert settings.title_types == ("movie", "tvSeries")
    assert settings.elasticsearch_url == ("http://a:9200", "http://b:9200")


def test_options_win_over_the_environment() -> None:
    settings, _ = read_settings({"MARQUEE_PORT": "9000"}, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "127.0.0.1")


def test_an_unknown_variable_is_a_warning_that_names_the_nearest() -> None:
    _, warnings = read_settings({"MARQUEE_PROT": "1"})
    assert warnings == ["MARQUEE_PROT is not a setting of Marquee; the nearest is MARQUEE_PORT"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "x"),
        ("PORT", "65536"),
        ("INDEX_PREFIX", "Upper"),
        ("INDEX_PREFIX", "-x"),
        ("INDEX_PREFIX", "x" * 42),
        ("PEOPLE", "somebody"),
        ("ADULT", "maybe"),
        ("MEMORY_LIMIT_MB", "1"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_an_unusable_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"MARQUEE_{variable}="):
        read_settings({PREFIX + variable: value})


def test_an_option_out_of_range_is_refused_as_well() -> None:
    with pytest.raises(SettingsError, match="port"):
        read_settings({}, port=70000)


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_stands_in_the_readme(field: msgspec.structs.FieldInfo) -> None:
    assert f"`{PREFIX}{field.name.upper()}`" in README.read_text()


def test_the_endpoint_takes_user_and_password_from_the_address() -> None:
    settings, _ = read_settings(
        {"MARQUEE_ELASTICSEARCH_URL": "https://me:p%40ss@es.example,http://[::1]:9201"}
    )
    endpoint = Endpoint.from_settings(settings)
    assert endpoint.urls == ("https://es.example:443", "http://[::1]:9201")
    assert (endpoint.username, endpoint.password) == ("me", "p@ss")


@pytest.mark.parametrize(
    "url",
    [
        "es:9200", "ftp://es", "http://", "http://es:port", "http://es:99999", "http://es..x",
        "http://me:secret/x@es:9200", "http://me:secret#x@es", "http://me:secret℀@es", "http://me:secret@",
    ],
)  # fmt: skip
def test_an_unusable_address_is_an_error_without_its_secrets(url: str) -> None:
    settings, _ = read_settings({"MARQUEE_ELASTICSEARCH_URL": url})
    with pytest.raises(SettingsError, match="MARQUEE_ELASTICSEARCH_URL") as caught:
        Endpoint.from_settings(settings)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint(urls=("http://two words:9200",)),
        Endpoint(urls=("http://es:9200",), ca_cert=certifi.where()),
    ],
    ids=["blank in the host", "certificate without TLS"],
)
def test_what_the_client_refuses_is_an_error_of_ours(endpoint: Endpoint) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_ELASTICSEARCH_URL"):
        Cluster(endpoint)


@pytest.mark.parametrize("key", ["abc“", "abc\r\nx: y", "abc\u200b"])
def test_a_key_that_was_copied_badly_is_told(key: str) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_ELASTICSEARCH_API_KEY"):
        Cluster(Endpoint(urls=("http://es:9200",), api_key=key))


def test_user_and_password_may_hold_any_letter() -> None:
    Cluster(Endpoint(urls=("http://es:9200",), username="zoë", password="☃"))


def test_an_empty_host_is_not_every_address() -> None:
    with pytest.raises(SettingsError, match="host"):
        read_settings({}, host="")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("http://a:9200\n")
    variable = PREFIX + name.upper()
    settings, warnings = read_settings({f"{variable}_FILE": str(path)})
    assert warnings == []
    assert getattr(settings, name) in ("http://a:9200", ("http://a:9200",))
    with pytest.raises(SettingsError, match=f"{variable}_FILE and {variable} are both set"):
        read_settings({f"{variable}_FILE": str(path), variable: "x"})
    with pytest.raises(SettingsError, match=f"{variable}_FILE=.*cannot be read: No such file"):
        read_settings({f"{variable}_FILE": str(tmp_path / "none")})
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="it is not UTF-8"):
        read_settings({f"{variable}_FILE": str(path)})
    path.write_text(" \n")
    assert read_settings({f"{variable}_FILE": str(path)})[0] == Settings(), "an empty file is as unset"


def test_what_is_no_secret_is_not_read_from_files() -> None:
    _, (warning,) = read_settings({"MARQUEE_PORT_FILE": "/run/port"})
    assert "MARQUEE_PORT_FILE is not a setting" in warning
