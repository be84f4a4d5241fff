"""Slack as a Dagster resource: where its token is to be had is configuration, the token is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.errors import SettingsError
from lakehouse_platform.orchestration.slack import SLACK, SlackAt, build_slack
from lakehouse_platform.settings.references import Reference
from lakehouse_platform.settings.serving import Slack
from tests.standins.slack.server import API_VARIABLE, TOKEN_VARIABLE, SlackStandIn, slack_stand_in

SETTINGS = Slack(
    Reference("env", TOKEN_VARIABLE, Path(), "x.yaml:1"), {"default": "C0DEFAULT"}, Reference("env", API_VARIABLE, Path(), "x.yaml:2"))


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStandIn]:
    with slack_stand_in() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def test_an_op_posts_with_it_and_neither_log_nor_configuration_holds_the_token(slack: SlackStandIn) -> None:
    @dg.op
    def tell(slack: SlackAt) -> None:
        slack.get_client().chat_postMessage(channel="C0DEFAULT", text="hello")

    @dg.job(resource_defs={SLACK: build_slack(SETTINGS)})
    def telling() -> None:
        tell()

    with dg.DagsterInstance.ephemeral() as instance:
        done = telling.execute_in_process(instance=instance)
        logged = [repr(record) for record in instance.get_records_for_run(done.run_id).records]
    assert [message.text for message in slack.workspace.parents("C0DEFAULT")] == ["hello"]
    assert not [text for text in (*logged, json.dumps(telling.resource_defs[SLACK].config_schema.default_value)) if slack.token in text]


def test_a_token_that_is_not_to_be_had_is_missed_when_it_is_needed_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    resource = build_slack(Slack(Reference("env", TOKEN_VARIABLE, Path(), "x.yaml:1"), {"default": "C1"}))
    with pytest.raises(SettingsError, match=r"x\.yaml:1"):
        resource.get_client()
