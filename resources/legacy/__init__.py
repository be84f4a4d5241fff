"""The legacy system of the demo: a PostgreSQL server and the business that works in it."""

from resources.legacy.business import Business
from resources.legacy.business.broken import BROKEN, Broken, broken_after
from resources.legacy.journal import Entry, Journal
from resources.legacy.server import Legacy, crm_uri, erp_uri

__all__ = ["BROKEN", "Broken", "Business", "Entry", "Journal", "Legacy", "broken_after", "crm_uri", "erp_uri"]
