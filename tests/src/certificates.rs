//! Certificates of a server on this machine, made by the command `openssl`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server's certificate and key, and the certificate of the authority that nobody but a test trusts. All are files of PEM.
#[derive(Debug)]
pub struct Certificates {
    /// Who signed.
    pub authority: PathBuf,
    /// The server's.
    pub certificate: PathBuf,
    /// See [`certificate`](Self::certificate).
    pub key: PathBuf,
}

impl Certificates {
    /// Makes those of 127.0.0.1 and localhost, for two days, in a folder.
    pub fn of_localhost(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let [authority, authority_key] = [file("ca.pem"), file("ca.key")];
        let [certificate, key] = [file("server.pem"), file("server.key")];
        make(&authority_key, &authority, &["-subj", "/CN=The authority of a test"]);
        let path = |path: &Path| path.to_str().expect("a path of text").to_owned();
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        let (signer, signer_key) = (path(&authority), path(&authority_key));
        let signed = ["-subj", "/CN=localhost", "-CA", &signer, "-CAkey", &signer_key];
        let extensions = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"];
        make(&key, &certificate, &[signed.as_slice(), &extensions].concat());
        Self { authority, certificate, key }
    }
}

fn make(key: &Path, certificate: &Path, arguments: &[&str]) {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(arguments)
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .stderr(Stdio::null())
        .status()
        .expect("the command `openssl`");
    assert!(status.success(), "openssl makes no certificate: version 3 is needed");
}
