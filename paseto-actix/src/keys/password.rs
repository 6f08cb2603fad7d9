//! Encrypts keys with a password, and decrypts them: Argon2id, XChaCha20, then a BLAKE2b tag.
//!
//! Source: PASERK, [PBKW], version 4. The layouts are those of [`secret-pw`] and [`local-pw`]: salt
//! (16 bytes), memory (8), iterations (4), parallelism (4), nonce (24), encrypted key, tag (32).
//!
//! [PBKW]: https://github.com/paseto-standard/paserk/blob/master/operations/PBKW.md
//! [`secret-pw`]: https://github.com/paseto-standard/paserk/blob/master/types/secret-pw.md
//! [`local-pw`]: https://github.com/paseto-standard/paserk/blob/master/types/local-pw.md

use std::mem;
use std::ops::RangeInclusive;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::{Zeroizing, optimization_barrier};

use super::stack::clear_stack_after_argon2;
use super::{Blake2b, paserk};
use crate::error::ConfigError;

const SALT_LEN: usize = 16;
/// The length of the salt, the parameters and the nonce.
const HEAD_LEN: usize = 56;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 32;

const MIB: u64 = 1024 * 1024;
const MAX_MEMORY: u64 = 256 * MIB;
const MAX_ITERATIONS: u64 = 16;
const MAX_PARALLELISM: u64 = 4;
/// The highest product of memory and iterations, which is the time that Argon2id takes.
const MAX_WORK: u64 = 1024 * MIB;

/// The cost of Argon2id ([RFC 9106]) for a password that encrypts a key.
///
/// A higher cost makes it slower to guess the password. Reading the key takes the same time and
/// memory as writing it.
///
/// | parameter | default | written | read |
/// | --- | --- | --- | --- |
/// | memory | 64 MiB | 19 MiB to 256 MiB | 8 KiB for each lane, to 256 MiB |
/// | iterations | 3 | 2 to 16 | 1 to 16 |
/// | memory × iterations | 192 MiB | at most 1 GiB | at most 1 GiB |
/// | parallelism (lanes) | 1 | 1 | 1 to 4 |
///
/// The default has the memory and the iterations of the second recommendation of [RFC 9106, section
/// 4], with one lane. This crate computes lanes one after another, so more lanes would only help an
/// attacker. The libraries that use libsodium read only one lane. The minimum is the first
/// recommendation of [OWASP] for less than 46 MiB. The upper bounds limit the memory and the time
/// that a malicious file can take. The crate checks them before it allocates memory.
///
/// PySETO reads at most 4 iterations.
///
/// ```
/// use paseto_actix::SecretKey;
/// use paseto_actix::keys::PasswordParameters;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let key = SecretKey::generate();
/// let stronger = PasswordParameters::default().memory(128 * 1024 * 1024).iterations(4);
/// let text = key.to_paserk_with_password("correct horse battery staple", &stronger)?;
/// assert!(text.starts_with("k4.secret-pw."));
///
/// let weak = PasswordParameters::default().iterations(1);
/// let error = key.to_paserk_with_password("correct horse battery staple", &weak).unwrap_err();
/// assert!(error.to_string().starts_with("`iterations`: expected 2 to 16"));
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106
/// [RFC 9106, section 4]: https://www.rfc-editor.org/rfc/rfc9106#section-4
/// [OWASP]: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
#[derive(Clone, Copy, Debug)]
pub struct PasswordParameters {
    memory: u64,
    iterations: u32,
    parallelism: u32,
}

impl Default for PasswordParameters {
    fn default() -> Self {
        Self { memory: 64 * MIB, iterations: 3, parallelism: 1 }
    }
}

impl PasswordParameters {
    /// Sets the memory in bytes, a multiple of 1024. Default: 64 MiB. Range: 19 MiB to 256 MiB.
    ///
    /// `to_paserk_with_password` returns an error for a value outside of the range.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the number of passes over the memory. Default: 3. Range: 2 to 16. The product of memory
    /// and iterations is at most 1 GiB.
    ///
    /// `to_paserk_with_password` returns an error for a value outside of the range.
    #[must_use]
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Checks parameters for writing.
    fn check_strength(&self) -> Result<(), ConfigError> {
        let error = |(name, problem): Problem| ConfigError::setting(name, problem);
        self.check(19 * MIB, 2).map_err(error)?;
        if !self.memory.is_multiple_of(Block::SIZE as u64) {
            let problem = format!("expected a multiple of 1024 bytes, found {}", self.memory);
            return Err(ConfigError::setting("memory", problem));
        }
        Ok(())
    }

    /// Checks parameters that were read from a PASERK, which can be malicious.
    fn check_cost(&self) -> Result<(), ConfigError> {
        self.check(0, 1).map_err(|(name, problem)| {
            ConfigError::MalformedKey(format!("`{name}` of Argon2id: {problem}").into())
        })
    }

    fn check(&self, min_memory: u64, min_iterations: u64) -> Result<(), Problem> {
        let lanes = u64::from(self.parallelism);
        in_range("parallelism", lanes, 1..=MAX_PARALLELISM, "")?;
        // RFC 9106, section 3.1: at least 8 blocks for each lane.
        let min_memory = min_memory.max(8 * lanes * Block::SIZE as u64);
        in_range("memory", self.memory, min_memory..=MAX_MEMORY, " bytes")?;
        let max_iterations = MAX_ITERATIONS.min(MAX_WORK / self.memory);
        let iterations = u64::from(self.iterations);
        let reason = " (memory × iterations: at most 1 GiB)";
        in_range("iterations", iterations, min_iterations..=max_iterations, reason)
    }
}

/// The name of a parameter, and the problem with its value.
type Problem = (&'static str, String);

fn in_range(
    name: &'static str,
    found: u64,
    range: RangeInclusive<u64>,
    unit: &str,
) -> Result<(), Problem> {
    if range.contains(&found) {
        return Ok(());
    }
    let (min, max) = range.into_inner();
    Err((name, format!("expected {min} to {max}{unit}, found {found}")))
}

/// Encrypts a key. `kind` is the type of the PASERK.
pub(super) fn encrypt(
    kind: &'static str,
    key: &[u8],
    password: &[u8],
    parameters: &PasswordParameters,
) -> Result<String, ConfigError> {
    parameters.check_strength()?;
    let mut body = Zeroizing::new(vec![0; HEAD_LEN + key.len() + TAG_LEN]);
    let (head, rest) = body.split_at_mut(HEAD_LEN);
    let (encrypted, tag) = rest.split_at_mut(key.len());

    // The salt and the nonce. The next lines overwrite the bytes between them.
    getrandom::fill(head).expect("the operating system returns random bytes");
    head[16..24].copy_from_slice(&parameters.memory.to_be_bytes());
    head[24..28].copy_from_slice(&parameters.iterations.to_be_bytes());
    head[28..32].copy_from_slice(&parameters.parallelism.to_be_bytes());

    let keys = DerivedKeys::derive(password, head, parameters)?;
    encrypted.copy_from_slice(key);
    keys.cipher(head).apply_keystream(encrypted);
    tag.copy_from_slice(keys.tag(kind, head, encrypted).as_slice());
    Ok(mem::take(&mut *paserk::encode(kind, &body)))
}

/// Decrypts a key of `N` bytes. `body` is the decoded PASERK of the type `kind`.
pub(super) fn decrypt<const N: usize>(
    kind: &'static str,
    body: &[u8],
    password: &[u8],
) -> Result<Zeroizing<[u8; N]>, ConfigError> {
    let (head, rest) = body.split_at(HEAD_LEN);
    let (encrypted, tag) = rest.split_at(N);
    let parameters = PasswordParameters {
        memory: number(&head[16..24]),
        iterations: number(&head[24..28]) as u32,
        parallelism: number(&head[28..32]) as u32,
    };
    parameters.check_cost()?;
    let keys = DerivedKeys::derive(password, head, &parameters)?;
    if !bool::from(keys.tag(kind, head, encrypted).ct_eq(tag)) {
        return Err(ConfigError::WrongPassword);
    }
    let mut key = Zeroizing::new([0; N]);
    key.copy_from_slice(encrypted);
    keys.cipher(head).apply_keystream(key.as_mut_slice());
    Ok(key)
}

fn number(big_endian: &[u8]) -> u64 {
    big_endian.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The keys of one PASERK, derived from the password and the salt.
struct DerivedKeys {
    encryption: Zeroizing<[u8; 32]>,
    authentication: Zeroizing<[u8; 32]>,
}

impl DerivedKeys {
    fn derive(
        password: &[u8],
        head: &[u8],
        parameters: &PasswordParameters,
    ) -> Result<Self, ConfigError> {
        if password.is_empty() {
            return Err(ConfigError::WeakKey("the password is empty"));
        }
        let key = argon2id(password, &head[..SALT_LEN], parameters)?;
        let derive = |domain| Blake2b::new().update(&[domain]).update(key.as_slice()).finalize();
        Ok(Self { encryption: derive(0xff), authentication: derive(0xfe) })
    }

    fn cipher(&self, head: &[u8]) -> XChaCha20 {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&head[HEAD_LEN - NONCE_LEN..]);
        XChaCha20::new((&*self.encryption).into(), (&nonce).into())
    }

    fn tag(&self, kind: &str, head: &[u8], encrypted: &[u8]) -> Zeroizing<[u8; TAG_LEN]> {
        let mut state = Blake2b::keyed(&self.authentication);
        state.update(kind.as_bytes()).update(b".").update(head).update(encrypted).finalize()
    }
}

fn argon2id(
    password: &[u8],
    salt: &[u8],
    parameters: &PasswordParameters,
) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let failed = |error: argon2::Error| ConfigError::setting("password", error.to_string());
    let mut key = Zeroizing::new([0; 32]);
    // Like libsodium, Argon2id uses the whole KiB of the memory.
    let memory = (parameters.memory / Block::SIZE as u64) as u32;
    let params =
        Params::new(memory, parameters.iterations, parameters.parallelism, Some(key.len()))
            .map_err(failed)?;
    let mut blocks = Blocks::allocate(params.block_count()).ok_or_else(|| {
        ConfigError::setting("memory", format!("cannot allocate {memory} KiB for Argon2id"))
    })?;
    clear_stack_after_argon2(|| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, key.as_mut_slice(), &mut blocks.0)
            .map_err(failed)
    })?;
    Ok(key)
}

/// The memory of Argon2id. It is cleared on drop, because `argon2` does not clear it. An attacker
/// can compute the derived keys from the last block of each lane.
struct Blocks(Box<[Block]>);

impl Blocks {
    /// Returns `None` if there is not enough memory. Other allocations end the process instead.
    fn allocate(count: usize) -> Option<Self> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count).ok()?;
        blocks.resize(count, Block::new());
        Some(Self(blocks.into_boxed_slice()))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.fill(Block::new());
        // Without a barrier, the compiler could remove the write, because nothing reads it.
        optimization_barrier(&self.0);
    }
}
