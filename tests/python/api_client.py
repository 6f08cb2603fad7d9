"""Validates the OpenAPI document of a server, and sends generated requests to its operations.

Reads a JSON object from the standard input: the `url` of the server, and `tokens`, an object with
an access token or `null` for each client. Prints a JSON object with the status codes of the
responses: `{"POST /path": {"client": {"201": 40, "400": 40}}}`.

Fails if the document is invalid, or if a response is not one of the documented responses of its
operation.
"""

import collections
import json
import sys

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

REQUESTS = 40

# The requests are the same in each run.
SETTINGS = settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def send_requests(operation, mode, token, statuses):
    """Sends requests that agree with the document (positive) or contradict it (negative)."""
    credential = {"Authorization": f"Bearer {token}"} if token else {}
    # A generated refresh token has the right form, and is rejected nevertheless.
    excluded = [] if "security" in operation.definition.raw else [positive_data_acceptance]

    @SETTINGS
    @given(case=operation.as_strategy(mode))
    def send(case):
        response = case.call(headers=credential)
        statuses[response.status_code] += 1
        case.validate_response(response, headers=credential, excluded_checks=excluded)

    send()


def main():
    arguments = json.loads(sys.stdin.readline())
    address = arguments["url"] + "/openapi.json"
    validate(requests.get(address, timeout=10).json())
    schema = schemathesis.openapi.from_url(address)
    # Only the clients set credentials.
    schema.config.generation.update(with_security_parameters=False)
    report = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        clients = report[operation.label] = {}
        for client, token in arguments["tokens"].items():
            statuses = clients[client] = collections.Counter()
            send_requests(operation, GenerationMode.POSITIVE, token, statuses)
            if operation.body or operation.path_parameters:
                send_requests(operation, GenerationMode.NEGATIVE, token, statuses)
    print(json.dumps(report))


main()
