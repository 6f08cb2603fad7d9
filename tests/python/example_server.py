"""Serves the example of Flask-PASETO-Extended on a free port of 127.0.0.1.

The package has its example only in its README, as two blocks of code: an application that issues tokens, and one
that verifies them. This script runs both as one application, so that a login leads to the protected page. It prints
its address, and exits when its standard input is closed, so that it ends with the test.
"""

import importlib.metadata
import logging
import os
import re
import sys
import threading

import flask
from werkzeug.serving import make_server

NEW_APPLICATION = "app = flask.Flask(__name__)\n"


class Response(flask.Response):
    """Accepts a cookie value of bytes. The example passes bytes, and its versions of Werkzeug reject them."""

    def set_cookie(self, key, value="", **attributes):
        super().set_cookie(key, value.decode() if isinstance(value, bytes) else value, **attributes)


def block_with(text):
    readme = importlib.metadata.metadata("flask-paseto-extended").get_payload()
    (block,) = (block for block in re.findall(r"```py\n(.*?)```", readme, re.DOTALL) if text in block)
    return block


def example():
    issuing, verifying = block_with("import PasetoIssuer"), block_with("import PasetoVerifier")
    assert issuing.count(NEW_APPLICATION) == verifying.count(NEW_APPLICATION) == 1
    source = issuing + verifying.replace(NEW_APPLICATION, "")
    names = {"__name__": "example"}
    exec(compile(source, "README.md", "exec"), names)
    names["app"].response_class = Response
    return names["app"]


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, example())
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
threading.Thread(target=end_with_the_test, daemon=True).start()
server.serve_forever()
