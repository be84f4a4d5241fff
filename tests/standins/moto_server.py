"""The services that are moto's, in a process of their own."""

from __future__ import annotations

from tests.standins.child import announce


def serve() -> None:
    """Serve on the loopback interface until the process that started this one is gone."""
    import logging
    import threading

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(server.port)


if __name__ == "__main__":
    serve()
