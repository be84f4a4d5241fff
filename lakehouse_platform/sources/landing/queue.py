"""The queue that says which files have landed. It wakes; what there is to do lies in the folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform.aws.base import asking

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

AT_ONCE = 10
"""Messages that SQS gives, or deletes, in one call."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ours until its time is up."""

    body: str
    receipt: str


@dataclass(frozen=True)
class Queue:
    """An SQS queue. Errors are TransientError or TerminalError as it says."""

    client: SQSClient
    url: str

    def receive(self, *, most: int, hidden: int) -> tuple[Message, ...]:
        """Up to `most` messages; who does not delete one is given it again after `hidden` seconds."""
        found = given = self._receive(hidden)
        while len(given) == AT_ONCE and len(found) < most:
            given = self._receive(hidden)
            found = [*found, *given]
        return tuple(found)

    def delete(self, messages: Sequence[Message]) -> None:
        """Have messages never given again. One that cannot be deleted now is, harmlessly, given again."""
        for some in _pieces(messages):
            with asking(f"the queue {self.url}"):
                entries = [{"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(some)]
                self.client.delete_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]

    def _receive(self, hidden: int) -> list[Message]:
        with asking(f"the queue {self.url}"):
            # Without a wait, SQS asks only some of its servers.
            given = self.client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=hidden, WaitTimeSeconds=1)
        return [Message(message["Body"], message["ReceiptHandle"]) for message in given.get("Messages", [])]


def _pieces(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    return (messages[start : start + AT_ONCE] for start in range(0, len(messages), AT_ONCE))
