"""Flask-PASETO-Extended and PySETO, for the tests to talk to.

Reads one JSON object a line and answers each with one: what was asked for, or the error it ended in. A key is given as
Flask-PASETO-Extended's settings have it, `{"paserk": ...}` or `{"version": 4, "key": <PEM>}`; bytes are given in hex.
"""

import datetime
import decimal
import json
import sys

import cbor2
import flask
import pyseto
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask_paseto_extended import PasetoIssuer, PasetoVerifier, current_paseto


def load_key(entry):
    if "paserk" in entry:
        return pyseto.Key.from_paserk(entry["paserk"])
    return pyseto.Key.new(entry["version"], "public", entry["key"])


def serializer(ask):
    return cbor2 if ask["cbor"] else json


def footer_to_write(footer):
    return bytes.fromhex(footer) if isinstance(footer, str) else footer


def claims_to_write(ask):
    if "python" in ask:
        return eval(ask["python"], {"datetime": datetime, "decimal": decimal})
    return ask["claims"]


def opened(payload, footer):
    return {"claims": payload, "footer": footer.hex() if isinstance(footer, bytes) else footer}


def generate(_ask):
    """A key pair made without any of our code, in each form that its users would write down."""
    private = Ed25519PrivateKey.generate()
    private_pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    secret, public = (pyseto.Key.new(4, "public", pem) for pem in (private_pem, public_pem))
    return {
        "secret": [{"version": 4, "key": private_pem}, {"paserk": secret.to_paserk()}],
        "public": [{"version": 4, "key": public_pem}, {"paserk": public.to_paserk()}],
        "pid": public.to_paserk_id(),
    }


def describe(ask):
    key = load_key(ask["key"])
    return {"paserk": key.to_paserk(), "id": key.to_paserk_id(), "peer_id": key.to_peer_paserk_id()}


def issue(ask):
    """By Flask-PASETO-Extended's issuer, which leaves the claims that it signed in the dictionary it is given."""
    app = flask.Flask(__name__)
    app.config["PASETO_ISS"] = ask["iss"]
    app.config["PASETO_PRIVATE_KEYS"] = [ask["key"]]
    app.config["PASETO_USE_KID"] = ask["use_kid"]
    app.config["PASETO_USE_IAT"] = ask["iat"]
    app.config["PASETO_EXP"] = ask["exp"]
    app.config["PASETO_SERIALIZER"] = serializer(ask)
    claims = ask["claims"]
    return {"token": PasetoIssuer(app).issue(claims).decode(), "claims": claims}


def encode(ask):
    """By PySETO, for what Flask-PASETO-Extended has no setting for."""
    paseto = pyseto.Paseto.new(exp=ask.get("exp", 0), include_iat=ask.get("iat", False))
    claims = claims_to_write(ask)
    token = paseto.encode(
        load_key(ask["key"]),
        claims,
        footer=footer_to_write(ask.get("footer", "")),
        implicit_assertion=bytes.fromhex(ask.get("assertion", "")),
        serializer=serializer(ask),
    )
    return {"token": token.decode(), "claims": None if "python" in ask else claims}


def verify(ask):
    """By Flask-PASETO-Extended's verifier, in a request."""
    app = flask.Flask(__name__)
    app.config["PASETO_PUBLIC_KEYS"] = ask["keys"]
    app.config["PASETO_SKEW"] = ask.get("skew", 0)
    app.config["PASETO_DESERIALIZER"] = serializer(ask)
    verifier = PasetoVerifier(app)
    verifier.token_loader(lambda _request: ask["token"])
    with app.test_request_context():
        if not current_paseto.is_verified:
            raise current_paseto.error
        return opened(current_paseto.payload, current_paseto.footer)


def accepts(ask):
    """The same for payloads that JSON could not hold."""
    verify(ask)
    return {}


def decode(ask):
    """By PySETO, for what Flask-PASETO-Extended has no setting for."""
    token = pyseto.Paseto.new(leeway=ask.get("skew", 0)).decode(
        [load_key(key) for key in ask["keys"]],
        ask["token"],
        implicit_assertion=bytes.fromhex(ask.get("assertion", "")),
        deserializer=serializer(ask),
    )
    return opened(token.payload, token.footer)


OPERATIONS = {function.__name__: function for function in (generate, describe, issue, encode, verify, accepts, decode)}


def answer(ask):
    try:
        return OPERATIONS[ask["do"]](ask)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
