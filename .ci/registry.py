"""A registry on 127.0.0.1 for the rehearsal of a release: `cargo publish` and a sparse index.

The packages stay in memory. The web API of registries is in the Cargo book, "Registry Web API".
"""

import hashlib
import json
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The entry of the index and the package of each name.
published = {}


def index_entry(metadata, package):
    dependencies = []
    for dependency in metadata["deps"]:
        keys = ("features", "optional", "default_features", "target", "kind", "registry")
        entry = {key: dependency.get(key) for key in keys}
        renamed = dependency.get("explicit_name_in_toml")
        entry["name"] = renamed or dependency["name"]
        entry["package"] = dependency["name"] if renamed else None
        entry["req"] = dependency["version_req"]
        dependencies.append(entry)
    return {
        "name": metadata["name"],
        "vers": metadata["vers"],
        "deps": dependencies,
        "features": {},
        "features2": metadata["features"],
        "cksum": hashlib.sha256(package).hexdigest(),
        "yanked": False,
        "rust_version": metadata.get("rust_version"),
        "v": 2,
    }


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        folder, name = self.path.split("/")[1], self.path.split("/")[-1]
        if self.path == "/index/config.json":
            url = f"http://{self.headers['Host']}"
            config = {"dl": url + "/packages/{crate}", "api": url}
            self.respond(200, json.dumps(config).encode())
        elif name in published:
            entry, package = published[name]
            self.respond(200, entry if folder == "index" else package)
        else:
            self.respond(404, b"")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        (length,) = struct.unpack_from("<I", body)
        metadata, package = json.loads(body[4 : 4 + length]), body[8 + length :]
        entry = json.dumps(index_entry(metadata, package)).encode()
        published[metadata["name"]] = (entry, package)
        self.respond(200, b"{}")

    def respond(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Prints nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
