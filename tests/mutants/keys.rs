#[path = "../api/config_keys.rs"]
mod config_keys;
#[path = "../api/key_encodings.rs"]
mod key_encodings;
#[path = "../api/key_files.rs"]
mod key_files;
#[path = "../api/key_ring_rotation.rs"]
mod key_ring_rotation;
#[path = "../api/key_rotation.rs"]
mod key_rotation;
#[path = "../api/key_schedules.rs"]
mod key_schedules;
#[path = "../api/key_set.rs"]
mod key_set;
#[path = "../api/keys.rs"]
mod keys;
#[path = "../api/keys_der.rs"]
mod keys_der;
#[path = "../api/keys_password.rs"]
mod keys_password;
#[path = "../api/keys_pem.rs"]
mod keys_pem;
#[path = "../api/keys_weak.rs"]
mod keys_weak;
#[path = "../api/precomputed_keys.rs"]
mod precomputed_keys;
#[path = "../api/set_keys.rs"]
mod set_keys;
#[path = "../api/vectors.rs"]
mod vectors;
