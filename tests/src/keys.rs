//! The keys of the documentation of Flask-PASETO-Extended.

use paseto_actix::{PublicKey, SecretKey};

/// The secret key of the documentation as PEM.
pub const SECRET_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n\
    -----END PRIVATE KEY-----";
/// The same secret key as PASERK.
pub const SECRET_PASERK: &str = "k4.secret.tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Qeudu7vAR8A_1wYE4AcfCYfhayi3VyJcEfAEFdDiCxog";
/// The public key of the documentation as PEM.
pub const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAHrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI=\n\
    -----END PUBLIC KEY-----";
/// The same public key as PASERK.
pub const PUBLIC_PASERK: &str = "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI";

/// A symmetric key as PASERK.
pub const LOCAL_PASERK: &str = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";

/// The password of the next two keys.
pub const PASSWORD: &str = "hunter2";
/// The secret key of the documentation, encrypted by PySETO. It is cheap to read: 8 KiB of memory
/// and one iteration.
pub const SECRET_PASSWORD_PASERK: &str = "k4.secret-pw.-pxz2Om_9r5AVn8HgipjQQAAAAAAACAAAAAAAQAAAAE8Pt6LiNkDR9i860EqABO0cBvej3fyJWxuIy_eQy_q4J4-i8CTeEYqOO7cw8jYFP_FGFz0sVF5hTVtyxm_sN8RtRYJbwBLOw77dzVeh_brlQg26IUbb29MIkQYNP_VVjfiH0HySNitvEitY0hwoRTPoX1gZ8ojV9s";
/// The symmetric key, encrypted by PySETO in the same way.
pub const LOCAL_PASSWORD_PASERK: &str = "k4.local-pw.Ww6OBMeybccamhz9GaqvjAAAAAAAACAAAAAAAQAAAAFSgrl2ke_vqqK89VaiWa-DwdvbRulLko_zgNL0XTo6nplazPL8cpi1IBrVqsNf3TI16-uO2BCXhOfsgKFD-phSzYXNNqCQ8_GA5Fx7TZ9us2jhXjLwLgoG";

/// Returns the secret key of the documentation.
pub fn secret() -> SecretKey {
    SecretKey::from_paserk(SECRET_PASERK).expect("a key")
}

/// Returns the public key of the documentation.
pub fn public() -> PublicKey {
    secret().public_key()
}
