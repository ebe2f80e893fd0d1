"""Patches of Gradio, and every private part of Gradio, uvicorn and Starlette that the page depends on.

Gradio is pinned to a minor version in requirements.txt. After the pin is changed, a part that is gone fails here by its
name.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
from pathlib import Path

import gradio as gr
import httpx
import pytest
import uvicorn
from gradio import processing_utils
from gradio.state_holder import SessionState, StateHolder
from packaging.requirements import Requirement
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tests.ui.http_tab import Tab
from ui.server import gradio_patches, serve
from ui.server.gradio_patches import MAX_SESSION_NAME, apply_gradio_patches
from ui.server.routes import classify_route

ROOT = Path(__file__).resolve().parents[3]
URL = "http://198.51.100.1/large.png"


def gradio_source(module: str) -> str:
    return Path(inspect.getsourcefile(importlib.import_module(module))).read_text()


# The pin.


def gradio_requirement() -> Requirement:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return Requirement(next(line for line in lines if line.startswith("gradio>")))


def test_gradio_is_pinned_to_the_installed_minor_version():
    requirement, installed = gradio_requirement(), importlib.metadata.version("gradio")
    major, minor = map(int, installed.split(".")[:2])
    assert requirement.specifier.contains(installed)
    assert not requirement.specifier.contains(f"{major}.{minor + 1}.0"), "pin Gradio to a minor version"
    assert not requirement.specifier.contains(f"{major}.{minor - 1}.0"), "pin Gradio to a minor version"


def test_lock_file_has_a_version_of_gradio_within_the_pin():
    locked = re.search(r"^gradio==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert gradio_requirement().specifier.contains(locked[1])


# Private parts that are patched, by `ui.server.gradio_patches`.


@pytest.mark.parametrize("name", [*gradio_patches.DOWNLOADS, gradio_patches.ASYNC_DOWNLOAD])
def test_gradio_has_the_download_functions_that_are_patched(name):
    """blocks.py calls two of them as attributes of the module, so that replacing them has an effect."""
    assert re.search(rf"^(?:async )?def {name}\(|^{name} = ", gradio_source("gradio.processing_utils"), re.MULTILINE)


def test_gradio_has_no_further_download_functions():
    functions = re.findall(r"^(?:async )?def (\w+)\(", gradio_source("gradio.processing_utils"), re.MULTILINE)
    defined = {name for name in functions if "download" in name}
    assert defined <= {*gradio_patches.DOWNLOADS, gradio_patches.ASYNC_DOWNLOAD}
    calls = re.findall(r"processing_utils\.(\w*(?:download|url_to_cache)\w*)\(", gradio_source("gradio.blocks"))
    assert set(calls) == {"async_ssrf_protected_download", "save_url_to_cache"}


@pytest.mark.parametrize(
    "definition",
    [
        "def __init__(self, blocks: Blocks)",  # SessionState's, which reads the two attributes below
        "blocks.default_config",
        "if k in blocks.blocks",
        "def _update_config(self, key: int)",
        "def _update_value_in_config(self, key: int, value: Any)",
        "def __getitem__(self, session_id: str) -> SessionState",  # StateHolder's, which creates sessions
        "self.session_data[session_id] = SessionState(self.blocks)",
    ],
)
def test_gradio_has_the_parts_of_sessions_that_are_patched(definition):
    assert definition in gradio_source("gradio.state_holder")


# Private parts that are used.


@pytest.mark.parametrize(
    "path",
    [
        "server.config.timeout_graceful_shutdown",  # ui.server.serve
        "server.config.http_protocol_class",
        "server.thread.is_alive",
        "temp_file_sets",  # ui.server.housekeeping
        "upload_file_set",
        "_queue.pending_messages_per_session.pop",
        "_queue.pending_event_ids_session.pop",
        "_queue.active_jobs",  # ui.api
        "app.state_holder.session_data",  # tests
        "app.state_holder.capacity",
        "fns",
    ],
)
def test_running_page_has_the_attributes_that_are_used(served, path):
    part = served[0]
    for name in path.split("."):
        assert hasattr(part, name), f"gr.Blocks.{path}: {type(part).__name__} has no {name}"
        part = getattr(part, name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("gradio.utils", "get_upload_folder"),  # ui.services.files, ui.services.import_layers, ui.api
        ("gradio.context", "LocalContext"),  # ui.api
        ("gradio_client.utils", "apply_diff"),  # tests.load
    ],
)
def test_gradio_has_the_functions_that_are_used(module, name):
    assert hasattr(importlib.import_module(module), name)


def test_events_in_gradios_queue_have_the_attributes_that_are_used():
    """ui.api uses them."""
    code = gradio_source("gradio.queueing")
    assert "self._id = " in code and "self.alive = " in code


@pytest.mark.parametrize(
    "variable", ["GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "GRADIO_MCP_SERVER", "GRADIO_SHARE"]
)
def test_gradio_reads_the_environment_variables_that_are_set(variable):
    package = Path(gr.__file__).parent
    assert any(f'"{variable}"' in path.read_text() for path in package.glob("*.py")), f"Gradio ignores {variable}"


def test_launch_takes_the_arguments_that_are_passed():
    known = inspect.signature(gr.Blocks.launch).parameters
    assert set(serve.launch_arguments(serve.ServerConfig())) <= set(known)


@pytest.mark.parametrize("name", ["connection_made", "data_received", "connection_lost"])
def test_uvicorns_protocol_has_the_methods_that_are_extended(name):
    assert callable(getattr(H11Protocol, name))


def test_uvicorns_protocol_has_the_attributes_that_are_used():
    """ui.server.connection uses them."""
    code = inspect.getsource(H11Protocol.__init__)
    for name in ("cycle", "loop", "transport"):
        assert re.search(rf"self\.{name}\b", code), f"H11Protocol has no {name}"
    assert "self.response_complete" in inspect.getsource(RequestResponseCycle.__init__)


def test_uvicorn_has_the_settings_that_are_used():
    code = inspect.getsource(uvicorn.Config.__init__)
    for name in ("http_protocol_class", "timeout_graceful_shutdown", "FORWARDED_ALLOW_IPS"):
        assert name in inspect.getsource(uvicorn.Config), f"uvicorn.Config has no {name}"
    assert "forwarded_allow_ips" in code


def test_starlette_has_the_exceptions_that_are_used():
    """ui.server.guard tells the end of a stream by the cause of the exception that Starlette raises."""
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    assert issubclass(HTTPException, Exception) and issubclass(ClientDisconnect, Exception)


# Routes of Gradio that `ui.server.routes` does not classify: none writes files or reveals more than the page does.
# "/x" stands for the pages of an app that has several.
UNCLASSIFIED = {"/app_id", "/login_check", "/queue/status", "/reset", "/startup-events", "/token", "/user", "/x"}


def test_every_route_of_gradio_is_classified():
    """A new endpoint of Gradio must be considered: is it used, and what may it cost?"""
    routes = re.findall(r'@(?:router|app)\.\w+\(\s*f?"(/[^"]*)"', gradio_source("gradio.routes"))
    assert len(routes) > 40
    paths = {re.sub(r"\{[^}]*\}", "x", path) for path in routes}
    other = {path.rstrip("/") for path in paths if classify_route(path) == "other"}
    assert other == UNCLASSIFIED


# What the patches do.


@pytest.mark.parametrize("name", ["update_preview", "open_picture"])
def test_urls_as_values_of_files_are_not_downloaded(address, monkeypatch, name):
    """One of the events is queued, the other is not."""
    requests = []
    file = {"path": URL, "url": URL, "meta": {"_type": "gradio.FileData"}}
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", lambda url: requests.append(url))
    tab = Tab(address, "downloading")
    if name == "update_preview":
        answer = tab.run(name, canvas=file)
    else:
        tab.ask(name, picture=file)
        answer = list(tab.answers())
    assert requests == [] and "does not download" in str(answer)


def test_download_functions_are_replaced(served):
    for name in gradio_patches.DOWNLOADS:
        with pytest.raises(gr.Error, match="does not download"):
            getattr(processing_utils, name)(URL, cache_dir="x")


def test_session_keeps_no_values_that_were_sent(served):
    page, address = served
    tab = Tab(address, "sending")
    tab.run("update_preview", canvas=["secret"] * 1000)
    state = page.app.state_holder.session_data[tab.session]
    assert len(state.config_values) < len(page.blocks) / 2  # those that the answer changed
    assert "secret" not in str(state.config_values)


def test_session_names_have_a_maximum_length(served):
    page, address = served
    for length, status in ((MAX_SESSION_NAME, 404), (MAX_SESSION_NAME + 1, 400)):
        request = {"session_hash": "x" * length, "component_id": 1, "fn_name": "none", "data": None}
        assert httpx.post(f"{address}gradio_api/component_server/", json=request).status_code == status
    body = Tab(address, "x" * 100_000).body("inspect")
    refused = httpx.post(f"{address}gradio_api/queue/join", json=body)
    assert refused.status_code == 400 and "at most 64" in refused.json()["detail"]
    names = [*page.app.state_holder.session_data, *page._queue.pending_messages_per_session]
    assert max(map(len, names)) <= MAX_SESSION_NAME


def test_applying_the_patches_twice_changes_nothing(served):
    methods = StateHolder.__getitem__, SessionState.__init__, SessionState._update_config
    apply_gradio_patches()
    assert (StateHolder.__getitem__, SessionState.__init__, SessionState._update_config) == methods
