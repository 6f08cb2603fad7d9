"""Flask-PASETO-Extended's own example, served on a free port of 127.0.0.1.

The package ships its example only in its README, as two blocks of code: an application that issues, and one that
verifies. They are run here as one application, so that a login on the one leads to the page of the other. Prints the
address; ends when its input does, so that it cannot outlive the test.
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
    """The example sets a cookie to the bytes that the issuer returns. No Werkzeug that it allows takes them."""

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
