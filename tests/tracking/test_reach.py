"""A server is reached wherever MLflow's own client reaches it: no probe of ours stands before that client."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.connect import open_client
from tests.tracking.servers import answering_server, free_port, private_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return private_authority(tmp_path_factory.mktemp("authority"))


def test_a_private_authority_and_unchecked_certificates_go_by_mlflows_variables(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, certificate = authority
    with answering_server(certificate) as (host, asked):
        uri = f"https://{host}"
        with pytest.raises(UserError, match=r"cannot be reached: .*certificate.*check MLFLOW_TRACKING_URI"):
            open_client(uri)
        assert asked == []
        for name, value in (("SERVER_CERT_PATH", str(signer)), ("INSECURE_TLS", "true")):
            with monkeypatch.context() as patch:
                patch.setenv(f"MLFLOW_TRACKING_{name}", value)
                assert open_client(uri).search_experiments() == []


def test_a_proxy_is_passed_by_where_no_proxy_names_the_servers_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with answering_server() as (host, asked):
        with pytest.raises(UserError, match="cannot be reached"):
            open_client(f"http://{host}")
        assert asked == []
        monkeypatch.setenv("no_proxy", "10.0.0.0/8,127.0.0.0/8")
        open_client(f"http://{host}")
        assert asked


@pytest.mark.parametrize(
    ("user", "variables", "header"),
    [
        ("user:p%40ss@", {}, "Basic dXNlcjpwQHNz"),
        ("", {"USERNAME": "user", "PASSWORD": "p@ss"}, "Basic dXNlcjpwQHNz"),
        ("", {"TOKEN": "abc"}, "Bearer abc"),
    ],
)
def test_names_passwords_and_tokens_reach_the_server(
    monkeypatch: pytest.MonkeyPatch, user: str, variables: dict[str, str], header: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    with answering_server() as (host, asked):
        open_client(f"http://{user}{host}")
    assert set(asked) == {header}
