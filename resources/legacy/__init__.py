"""The legacy system of the demo: a PostgreSQL server and the business that works in it."""

from resources.legacy.server import Legacy, crm_uri, erp_uri

__all__ = ["Legacy", "crm_uri", "erp_uri"]
