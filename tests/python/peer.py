"""Runs functions of Flask-PASETO-Extended and PySETO for the tests.

Reads one JSON object per line. Writes one JSON object per line: the result, or the error. A key has the
form of the settings of Flask-PASETO-Extended: `{"paserk": ...}` or `{"version": 4, "key": <PEM>}`. Bytes are
hex strings.
"""

import base64
import datetime
import decimal
import json
import sys
import urllib.request

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


def serializer(request):
    return cbor2 if request["cbor"] else json


def footer_to_write(footer):
    return bytes.fromhex(footer) if isinstance(footer, str) else footer


def claims_to_write(request):
    if "python" in request:
        return eval(request["python"], {"datetime": datetime, "decimal": decimal})
    return request["claims"]


def verified(payload, footer):
    return {"claims": payload, "footer": footer.hex() if isinstance(footer, bytes) else footer}


def generate(_request):
    """Generates a key pair without our code. Returns it as PEM and as PASERK."""
    private = Ed25519PrivateKey.generate()
    private_pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    secret, public = (pyseto.Key.new(4, "public", pem) for pem in (private_pem, public_pem))
    return {
        "secret": [{"version": 4, "key": private_pem}, {"paserk": secret.to_paserk()}],
        "public": [{"version": 4, "key": public_pem}, {"paserk": public.to_paserk()}],
        "pid": public.to_paserk_id(),
    }


def describe(request):
    key = load_key(request["key"])
    return {"paserk": key.to_paserk(), "id": key.to_paserk_id(), "peer_id": key.to_peer_paserk_id()}


def wrap(request):
    """Encrypts a key with a password. Without parameters, PySETO selects them."""
    return {"paserk": load_key(request["key"]).to_paserk(password=request["password"], **request["parameters"])}


def unwrap(request):
    return {"paserk": pyseto.Key.from_paserk(request["paserk"], password=request["password"]).to_paserk()}


def issue(request):
    """Issues a token with Flask-PASETO-Extended. The issuer adds the signed claims to the given dictionary."""
    app = flask.Flask(__name__)
    app.config["PASETO_ISS"] = request["iss"]
    app.config["PASETO_PRIVATE_KEYS"] = [request["key"]]
    app.config["PASETO_USE_KID"] = request["use_kid"]
    app.config["PASETO_USE_IAT"] = request["iat"]
    app.config["PASETO_EXP"] = request["exp"]
    app.config["PASETO_SERIALIZER"] = serializer(request)
    claims = request["claims"]
    return {"token": PasetoIssuer(app).issue(claims).decode(), "claims": claims}


def encode(request):
    """Issues a token with PySETO, for options that Flask-PASETO-Extended does not have."""
    paseto = pyseto.Paseto.new(exp=request.get("exp", 0), include_iat=request.get("iat", False))
    claims = claims_to_write(request)
    token = paseto.encode(
        load_key(request["key"]),
        claims,
        footer=footer_to_write(request.get("footer", "")),
        implicit_assertion=bytes.fromhex(request.get("assertion", "")),
        serializer=serializer(request),
    )
    return {"token": token.decode(), "claims": None if "python" in request else claims}


def verify(request):
    """Verifies a token in a request with Flask-PASETO-Extended."""
    app = flask.Flask(__name__)
    app.config["PASETO_PUBLIC_KEYS"] = request["keys"]
    app.config["PASETO_SKEW"] = request.get("skew", 0)
    app.config["PASETO_DESERIALIZER"] = serializer(request)
    verifier = PasetoVerifier(app)
    verifier.token_loader(lambda _request: request["token"])
    with app.test_request_context():
        if not current_paseto.is_verified:
            raise current_paseto.error
        return verified(current_paseto.payload, current_paseto.footer)


def verify_with_key_set(request):
    """Verifies a token with the published key set of its issuer: fetches the document, and selects the key by `kid`."""
    with urllib.request.urlopen(request["url"]) as response:
        key_set = json.load(response)
    footer = json.loads(base64.urlsafe_b64decode(request["token"].split(".")[3] + "=="))
    keys = {entry["kid"]: pyseto.Key.from_paserk(entry["paserk"]) for entry in key_set["keys"]}
    if any(key.to_paserk_id() != kid for kid, key in keys.items()):
        raise ValueError("a kid is not the ID of its key")
    if footer["kid"] not in keys:
        raise ValueError("unknown kid")
    token = pyseto.Paseto.new().decode(keys[footer["kid"]], request["token"], deserializer=json)
    if token.payload["iss"] != key_set["iss"]:
        raise ValueError("wrong iss")
    return verified(token.payload, token.footer)


def key_set(request):
    """Returns a key set with the public halves of these keys."""
    keys = [load_key(key) for key in request["keys"]]
    entries = [{"kid": key.to_paserk_id(), "paserk": key.to_paserk()} for key in keys]
    return {"document": json.dumps({"iss": request["iss"], "keys": entries})}


def accepts(request):
    """Verifies a token whose payload JSON cannot represent."""
    verify(request)
    return {}


def decode(request):
    """Verifies a token with PySETO, for options that Flask-PASETO-Extended does not have."""
    token = pyseto.Paseto.new(leeway=request.get("skew", 0)).decode(
        [load_key(key) for key in request["keys"]],
        request["token"],
        implicit_assertion=bytes.fromhex(request.get("assertion", "")),
        deserializer=serializer(request),
    )
    return verified(token.payload, token.footer)


OPERATIONS = {
    function.__name__: function
    for function in (
        generate, describe, wrap, unwrap, issue, encode, verify, verify_with_key_set, key_set, accepts, decode
    )
}


def respond(request):
    try:
        return OPERATIONS[request["do"]](request)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(respond(json.loads(line))), flush=True)
