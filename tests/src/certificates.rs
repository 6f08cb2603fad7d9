//! Certificates for servers on this machine. The command `openssl` creates them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The PEM files of a server's certificate and key, and of the certificate of a test authority.
#[derive(Debug)]
pub struct Certificates {
    /// The certificate of the authority that signed the server's certificate.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
}

impl Certificates {
    /// Creates certificates for 127.0.0.1 and localhost in a folder. They are valid for two days.
    pub fn of_localhost(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let [authority, authority_key] = [file("ca.pem"), file("ca.key")];
        let [certificate, key] = [file("server.pem"), file("server.key")];
        create(&authority_key, &authority, &["-subj", "/CN=The authority of a test"]);
        let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        let (signer, signer_key) = (path(&authority), path(&authority_key));
        let signed = ["-subj", "/CN=localhost", "-CA", &signer, "-CAkey", &signer_key];
        let extensions = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"];
        create(&key, &certificate, &[signed.as_slice(), &extensions].concat());
        Self { authority, certificate, key }
    }
}

/// Replaces the server's certificate by one that has expired. The server's key stays the same.
pub fn expire(files: &Certificates) {
    let request = files.certificate.with_extension("csr");
    openssl(
        &["req", "-new", "-subj", "/CN=localhost"],
        &[("-key", &files.key), ("-out", &request)],
    );
    let names = files.certificate.with_extension("names");
    fs::write(&names, "subjectAltName=IP:127.0.0.1,DNS:localhost").expect("a file");
    openssl(
        &["x509", "-req", "-days", "-1", "-CAcreateserial"],
        &[
            ("-in", &request),
            ("-extfile", &names),
            ("-CA", &files.authority),
            ("-CAkey", &files.authority.with_extension("key")),
            ("-out", &files.certificate),
        ],
    );
}

fn openssl(arguments: &[&str], files: &[(&str, &Path)]) {
    let mut command = Command::new("openssl");
    command.args(arguments);
    for (option, path) in files {
        command.arg(option).arg(path);
    }
    let status = command.stderr(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.expect("the command `openssl`").success(), "openssl failed: {arguments:?}");
}

fn create(key: &Path, certificate: &Path, arguments: &[&str]) {
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
    assert!(status.success(), "openssl created no certificate: version 3 is required");
}
