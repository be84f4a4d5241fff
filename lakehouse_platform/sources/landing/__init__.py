"""Files that other systems leave in the lake's landing folders."""

from lakehouse_platform.sources.landing.base import FileGone, Files, LandedFile, MalformedFile
from lakehouse_platform.sources.landing.inbox import Inbox
from lakehouse_platform.sources.landing.source import LandedSource

__all__ = ["FileGone", "Files", "Inbox", "LandedFile", "LandedSource", "MalformedFile"]
