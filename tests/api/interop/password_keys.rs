//! Each library reads the keys that the other one encrypts with a password.

use paseto_actix::keys::PasswordParameters;
use paseto_actix::{ConfigError, LocalKey, SecretKey};
use serde_json::{Value, json};

use super::{Peer, text};

const PASSWORD: &str = "Straße hunter2 🔑";

fn unwrapped(peer: &mut Peer, paserk: &str, password: &str) -> Result<Value, String> {
    let unwrapped = peer.call("unwrap", json!({ "paserk": paserk, "password": password }));
    unwrapped.map(|mut response| response["paserk"].take())
}

#[test]
fn peer_reads_a_key_with_a_password() {
    let Some(mut peer) = Peer::start() else { return };
    let (secret, local) = (SecretKey::generate(), LocalKey::generate());
    let default = PasswordParameters::default();
    for parameters in [default, default.memory(19 << 20).iterations(4)] {
        let paserk = secret.to_paserk_with_password(PASSWORD, &parameters).unwrap();
        let read = unwrapped(&mut peer, &paserk, PASSWORD);
        assert_eq!(read, Ok(json!(*secret.to_paserk())), "{parameters:?}");
        let paserk = local.to_paserk_with_password(PASSWORD, &parameters).unwrap();
        let read = unwrapped(&mut peer, &paserk, PASSWORD);
        assert_eq!(read, Ok(json!(*local.to_paserk())), "{parameters:?}");
        let error = unwrapped(&mut peer, &paserk, "hunter3").unwrap_err();
        assert!(error.contains("Failed to unwrap a key"), "{error}");
    }
}

#[test]
fn key_with_a_password_of_the_peer_is_read() {
    let Some(mut peer) = Peer::start() else { return };
    let (secret, local) = (SecretKey::generate(), LocalKey::generate());
    // The defaults of PySETO, and other parameters.
    let others = json!({ "memory_cost": 32 * 1024, "time_cost": 4, "parallelism": 4 });
    for parameters in [json!({}), others] {
        let mut wrap = |paserk: &str| {
            let key = json!({ "paserk": paserk });
            let arguments = json!({ "key": key, "password": PASSWORD, "parameters": parameters });
            text(&peer.get("wrap", arguments)["paserk"]).to_owned()
        };
        let paserk = wrap(&secret.to_paserk());
        let read = SecretKey::from_paserk_with_password(&paserk, PASSWORD).unwrap();
        assert_eq!(*read.to_paserk(), *secret.to_paserk());
        let paserk = wrap(&local.to_paserk());
        assert_eq!(LocalKey::from_paserk_with_password(&paserk, PASSWORD).as_ref(), Ok(&local));
        let wrong = LocalKey::from_paserk_with_password(&paserk, "hunter3");
        assert_eq!(wrong, Err(ConfigError::WrongPassword));
    }
}
