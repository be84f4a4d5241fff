from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from traceback import format_exception

import pytest

from lakehouse_platform.domo.base import DomoAnswerLost, DomoRefused, DomoUnavailable, DomoUnknown, whole_address
from lakehouse_platform.domo.instance import Card, Entity, Instance
from lakehouse_platform.domo.public import DomoApi
from tests.core.domo_cases import NAME, Shop, shop


@pytest.fixture
def sales(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as found:
        yield found


@pytest.fixture
def api(sales: Shop) -> Iterator[DomoApi]:
    found = sales.api
    yield found
    found.close()


@pytest.fixture
def instance(sales: Shop) -> Iterator[Instance]:
    found = sales.instance
    yield found
    found.close()


@pytest.fixture
def dataset(api: DomoApi) -> str:
    return api.create_stream(NAME, "", [("id", "LONG")], method="REPLACE").dataset


def test_call_is_tried_again_until_it_is_answered(sales: Shop, api: DomoApi, dataset: str) -> None:
    sales.domo.refuse("GET", "/v1/datasets/*", status=500, times=2)
    sales.domo.reset("GET", "/v1/datasets/*")
    assert (api.dataset(dataset).name, len(sales.paused)) == (NAME, 3)


def test_service_that_stays_away_is_unavailable(sales: Shop, api: DomoApi, dataset: str) -> None:
    number = sales.domo.reset("GET", "/v1/datasets/*", times=None)
    with pytest.raises(DomoUnavailable, match=r"GET /v1/datasets/.*no answer arrived .* in 4 tries"):
        api.dataset(dataset)
    assert sales.domo.met(number) == 4


def test_pause_that_domo_asks_for_is_kept_and_has_an_end(sales: Shop, api: DomoApi, dataset: str) -> None:
    sales.domo.refuse("GET", "/v1/datasets/*", status=429, wait=7)
    sales.domo.refuse("GET", "/v1/datasets/*", status=429, wait=9999)
    api.dataset(dataset)
    assert sales.paused == [7.0, 60.0]


@pytest.mark.parametrize("status", [500, 503])
def test_what_must_not_be_done_twice_is_not_repeated_after_an_error(sales: Shop, api: DomoApi, status: int) -> None:
    number = sales.domo.refuse("POST", "/v1/streams/", status=status, times=None)
    with pytest.raises(DomoAnswerLost):
        api.create_stream(NAME, "", [("id", "LONG")], method="REPLACE")
    assert sales.domo.met(number) == 1


def test_refusal_is_not_repeated_and_says_why(sales: Shop, api: DomoApi) -> None:
    with pytest.raises(DomoUnknown, match=r"404 .*DataSet nothing was not found"):
        api.dataset("nothing")
    assert sales.domo.count("GET", "/v1/datasets/*") == 1


def test_word_that_domo_takes_for_replace_is_not_sent(sales: Shop, api: DomoApi) -> None:
    with pytest.raises(DomoRefused, match='"UPSERT" is not sent'):
        api.create_stream(NAME, "", [("id", "LONG")], method="UPSERT", key=("id",))
    assert sales.domo.datasets == []


def test_token_is_fetched_once_for_many_calls(sales: Shop, api: DomoApi, dataset: str) -> None:
    for _ in range(3):
        api.dataset(dataset)
    assert sales.domo.count("POST", "/oauth/token") == 1


def test_token_is_renewed_before_it_ends(sales: Shop, api: DomoApi, dataset: str) -> None:
    sales.later(59.5)
    api.dataset(dataset)
    assert sales.domo.count("POST", "/oauth/token") == 2


def test_token_is_fetched_once_where_clocks_differ(sales: Shop, api: DomoApi) -> None:
    sales.later(120)
    dataset = api.create_stream(NAME, "", [("id", "LONG")], method="REPLACE").dataset
    api.dataset(dataset)
    assert sales.domo.count("POST", "/oauth/token") == 1


def test_wrong_secret_is_refused_and_not_told(sales: Shop) -> None:
    stranger = DomoApi("client", "hidden-secret", sales.domo.environment["LAKEHOUSE_DOMO_API"], replace(sales.patience, tries=2))
    with pytest.raises(DomoRefused, match="POST /oauth/token: 401") as caught:
        stranger.dataset("d1")
    stranger.close()
    assert "hidden-secret" not in "".join(map(str, (caught.value, caught.value.__cause__, caught.value.__context__)))


def test_wrong_developer_token_is_refused_and_not_told(sales: Shop) -> None:
    stranger = Instance(sales.domo.environment["LAKEHOUSE_DOMO_INSTANCE"], "hidden-token", sales.patience)
    with pytest.raises(DomoRefused, match="401") as caught:
        stranger.certificate("d1")
    stranger.close()
    assert "hidden-token" not in str(caught.value)


@pytest.mark.parametrize("token", ["hidden-token\n", "hidden-tokén"])
def test_developer_token_that_no_header_takes_is_refused_and_not_told(sales: Shop, token: str) -> None:
    stranger = Instance(sales.domo.environment["LAKEHOUSE_DOMO_INSTANCE"], token, sales.patience)
    with pytest.raises(DomoRefused, match="X-DOMO-Developer-Token has a line end") as caught:
        stranger.certificate("d1")
    stranger.close()
    assert "hidden" not in "".join(format_exception(caught.value))


def test_secret_of_any_letters_reaches_domo(sales: Shop) -> None:
    stranger = DomoApi("client", "hidden-€", sales.domo.environment["LAKEHOUSE_DOMO_API"], sales.patience)
    with pytest.raises(DomoRefused, match="POST /oauth/token: 401"):
        stranger.dataset("d1")
    stranger.close()


def test_token_is_not_in_the_log(sales: Shop, api: DomoApi, dataset: str, caplog: pytest.LogCaptureFixture) -> None:
    sales.domo.refuse("PUT", "/v1/datasets/*", status=202)
    with caplog.at_level("DEBUG", logger="pydomo"), pytest.raises(DomoRefused, match="not one that pydomo knows"):
        api.update_dataset(dataset, {"description": "new"})
    assert "202" in caplog.text
    assert not [token for token in sales.domo.account.tokens if token in caplog.text]


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[bytes]]]:
    """Something that answers every call with 200 and the last of some contents; its address."""
    said = [b"<html>Sign in</html>"]

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8" if said[-1].startswith(b"<") else "application/json")
            self.send_header("Content-Length", str(len(said[-1])))
            self.end_headers()
            self.wfile.write(said[-1])

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - so http.server calls them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as served:
        Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}", said
        served.shutdown()


CALLS: dict[str, Callable[[Instance], object]] = {
    "metadata": lambda found: found.metadata("d"), "begin": lambda found: found.begin_upload("d", "p"),
    "index": lambda found: found.index("d"), "partitions": lambda found: found.partitions("d"),
    "flow": lambda found: found.run_dataflow("1"), "followed": lambda found: found.dataflow_execution("1", "1"),
    "cards": lambda found: found.cards("d"),
}


@pytest.mark.parametrize("call", ["upload", "commit", "drop", *CALLS])
def test_web_page_is_not_taken_for_domos_answer(stranger: tuple[str, list[bytes]], call: str) -> None:
    silent: dict[str, Callable[[Instance], object]] = {
        "upload": lambda found: found.upload_part("d", "1", 1, b""), "commit": lambda found: found.commit_upload("d", "1", "p"),
        "drop": lambda found: found.drop_partition("d", "p")}
    instance = Instance(stranger[0], "token")
    with pytest.raises(DomoRefused, match="the answer is a web page"):
        (silent | CALLS)[call](instance)
    instance.close()


@pytest.mark.parametrize("content", [b"{}", b"[{}]", b"null", b"7", b"[null]"])
@pytest.mark.parametrize("call", CALLS)
def test_answer_that_is_not_what_was_expected_is_refused(stranger: tuple[str, list[bytes]], call: str, content: bytes) -> None:
    stranger[1].append(content)
    instance = Instance(stranger[0], "token")
    with pytest.raises(DomoRefused, match="the answer is not the JSON"):
        CALLS[call](instance)
    instance.close()


def test_badge_is_given_seen_and_taken_away(instance: Instance, dataset: str) -> None:
    assert instance.certificate(dataset) is None
    instance.certify(dataset)
    instance.certify(dataset)
    assert instance.certificate(dataset) == "ACTIVE"
    instance.uncertify(dataset)
    assert instance.certificate(dataset) is None


def test_tags_replace_those_before(instance: Instance, dataset: str) -> None:
    instance.set_tags(dataset, ["a"])
    instance.set_tags(dataset, ["b", "c"])
    assert instance.metadata(dataset).tags == ("b", "c")


def test_what_is_made_of_a_dataset_is_listed(sales: Shop, instance: Instance, api: DomoApi, dataset: str) -> None:
    out = api.create_stream("Weekly", "", [("id", "LONG")], method="REPLACE").dataset
    sales.domo.add_dataflow("42", "By week", (NAME,), ("Weekly",))
    card = sales.domo.add_card("Sales this week", NAME)
    assert instance.lineage(dataset) == (Entity("DATAFLOW", "42"), Entity("DATA_SOURCE", out))
    assert instance.cards(dataset) == (Card(str(card), "Sales this week"),)


@pytest.mark.parametrize(("told", "whole"), [
    ("127.0.0.1:80", "http://127.0.0.1:80"), ("api.domo.com", "https://api.domo.com"), ("http://proxy:80", "http://proxy:80")])
def test_address_without_a_scheme_is_encrypted_but_on_this_machine(told: str, whole: str) -> None:
    assert whole_address(told) == whole


@pytest.mark.parametrize("address", ["https://", "ftp://acme.domo.com", "https://acme domo com"])
def test_address_that_is_none_is_refused_at_once(sales: Shop, address: str) -> None:
    instance = Instance(address, "token", sales.patience)
    with pytest.raises(DomoRefused, match=r"cannot be asked .* Look at Domo's address"):
        instance.certificate("d1")
    instance.close()
    assert sales.paused == []


def test_pandas_is_not_imported_before_domo_is_asked() -> None:
    modules = "lakehouse_platform.domo.public, lakehouse_platform.domo.instance, lakehouse_platform.publish.domo"
    said = f"import sys, {modules}; DomoApi = lakehouse_platform.domo.public.DomoApi('a', 'b'); print('pydomo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout == "False\n"
