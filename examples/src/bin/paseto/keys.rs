//! `paseto keys`: creates, rotates and lists key files.

mod any_schedule;
mod file;
mod password;

use std::path::Path;
use std::time::Duration;

use paseto_actix::clock::{Clock, SystemClock};
use paseto_actix::keys::KeyState;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::{ConfigError, LocalKey, SecretKey};
use serde_json::json;

use crate::failure::Failure;
use crate::options::Options;
use crate::report::Report;
use crate::times;
use any_schedule::AnySchedule;
use file::LockedFile;
pub(crate) use password::{unwrap, wrap};

/// The default of `--in`.
const DEFAULT_DELAY: Duration = Duration::from_secs(3600);
/// The default of `--max-ttl`: 30 days, the longest default lifetime of the library.
const DEFAULT_MAX_TTL: Duration = Duration::from_secs(30 * 86_400);
/// The time for which the library keeps a key after the last expiry of its tokens.
const SLACK: Duration = Duration::from_secs(305);

pub(crate) fn generate(options: &Options) -> Result<Report, Failure> {
    let is_local = match options.text("kind")? {
        None | Some("secret") => false,
        Some("local") => true,
        Some(_) => {
            return Err(Failure::Usage("`--kind`: expected `secret` or `local`".to_owned()));
        }
    };
    match (options.argument(), options.flag("print")) {
        (Some(path), false) => create(Path::new(path), is_local),
        (None, true) if is_local => Ok(print_local(options, &LocalKey::generate())),
        (None, true) => Ok(print_secret(options, &SecretKey::generate())),
        (Some(_), true) => Err(Failure::Usage("FILE and `--print` are both given".to_owned())),
        (None, false) => Err(Failure::Usage(
            "expected a FILE for the new key, or `--print` to print the key".to_owned(),
        )),
    }
}

fn create(path: &Path, is_local: bool) -> Result<Report, Failure> {
    let schedule = if is_local {
        AnySchedule::from(LocalKey::generate())
    } else {
        AnySchedule::from(SecretKey::generate())
    };
    file::create(path, &schedule.to_json())?;
    let (kid, public) = schedule.active(now());
    let mut text = format!("created {}\nkid     {kid}\n", path.display());
    if let Some(public) = &public {
        text += &format!("public  {public}\n");
    }
    let file = path.to_string_lossy();
    let json = json!({ "file": file, "kid": kid, "public": public });
    Ok(Report { written: Some(path.into()), ..Report::new(text, json) })
}

fn print_secret(options: &Options, key: &SecretKey) -> Report {
    let (secret, public, kid) = (key.to_paserk(), key.public_key().to_paserk(), key.kid());
    Report::of_key(
        options,
        &["secret ", &secret, "\npublic ", &public, "\nkid    ", kid, "\n"],
        &[("secret", &secret), ("public", &public), ("kid", kid)],
    )
}

fn print_local(options: &Options, key: &LocalKey) -> Report {
    let (local, kid) = (key.to_paserk(), key.kid());
    Report::of_key(
        options,
        &["local ", &local, "\nkid   ", kid, "\n"],
        &[("local", &local), ("kid", kid)],
    )
}

pub(crate) fn rotate(options: &Options) -> Result<Report, Failure> {
    let path = options.file()?;
    let delay = times::duration(options, "in")?.unwrap_or(DEFAULT_DELAY);
    let max_ttl = times::duration(options, "max-ttl")?.unwrap_or(DEFAULT_MAX_TTL);
    let file = LockedFile::lock(&path)?;
    let mut schedule = file.read()?;
    let fails = |error: ConfigError| Failure::of_file(&path, error);

    let now = now();
    let keys = schedule.statuses(now);
    let waiting = keys.iter().find(|key| key.state == KeyState::Announced);
    if let Some(key) = waiting.filter(|_| !options.flag("force")) {
        let time = key.activates_at.map_or_else(|| "without a time".to_owned(), times::text);
        let problem = format!(
            "the announced key {} waits ({time}): wait, or add another key by `--force`",
            key.kid
        );
        return Err(Failure::of_file(&path, problem));
    }
    let removed = schedule.remove_expired(now, max_ttl);
    let activates_at = times::after(now, delay);
    let (kid, public) = schedule.announce_new_key(activates_at).map_err(fails)?;
    file.replace(&schedule.to_json())?;

    let mut text = format!("added   {kid}, active from {}\n", times::text(activates_at));
    if let Some(public) = &public {
        text += &format!("public  {public}\n");
    }
    for kid in &removed {
        text += &format!("removed {kid}\n");
    }
    let json = json!({
        "added": kid,
        "activates_at": times::text(activates_at),
        "public": public,
        "removed": removed,
    });
    let notes = notes(&path, &schedule);
    Ok(Report { notes, written: Some(path), ..Report::new(text, json) })
}

pub(crate) fn remove(options: &Options) -> Result<Report, Failure> {
    let path = options.file()?;
    let kid = options
        .second_argument()
        .and_then(|kid| kid.to_str())
        .ok_or_else(|| Failure::Usage("expected a FILE and a KID".to_owned()))?;
    let file = LockedFile::lock(&path)?;
    let mut schedule = file.read()?;
    schedule.remove(kid, now()).map_err(|error| Failure::of_file(&path, error))?;
    file.replace(&schedule.to_json())?;
    let report = Report::new(format!("removed {kid}\n"), json!({ "removed": [kid] }));
    Ok(Report { written: Some(path), ..report })
}

pub(crate) fn list(options: &Options) -> Result<Report, Failure> {
    let path = options.file()?;
    let max_ttl = times::duration(options, "max-ttl")?.unwrap_or(DEFAULT_MAX_TTL);
    let schedule = file::read(&path)?;
    let keys = schedule.statuses(now());
    let mut text = String::new();
    let mut rows = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let state = match key.state {
            KeyState::Announced => "announced",
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            _ => "unknown",
        };
        let activates_at = key.activates_at.map(times::text);
        // The tokens of a key expire after its successor has become active.
        let successor = keys.get(index + 1);
        let removable_from = successor
            .and_then(|key| key.activates_at)
            .map(|time| times::text(times::after(time, max_ttl + SLACK)));
        let shown = |time: &Option<String>, is_past: bool| match time {
            Some(time) => time.clone(),
            None if is_past => "unknown".to_owned(),
            None => "-".to_owned(),
        };
        text += &format!(
            "{}  {state:<9}  active from {:<20}  removable from {}\n",
            key.kid,
            shown(&activates_at, key.state != KeyState::Announced),
            shown(&removable_from, key.state == KeyState::Retired)
        );
        rows.push(json!({
            "kid": key.kid,
            "state": state,
            "activates_at": activates_at,
            "removable_from": removable_from,
        }));
    }
    let report = Report::new(text, json!({ "keys": rows }));
    Ok(Report { notes: notes(&path, &schedule), ..report })
}

/// Returns warnings about a key file: its permissions, and the limit of the number of keys.
fn notes(path: &Path, schedule: &AnySchedule) -> Vec<String> {
    let mut notes = file::permission_notes(path);
    let (keys, limit) = (schedule.statuses(now()).len(), schedule.max_keys());
    if keys + 1 >= limit {
        notes.push(format!(
            "WARNING: `{}` has {keys} of at most {limit} keys, and a rotation of a full file \
             fails: rotate less often, or pass a shorter `--max-ttl`",
            path.display()
        ));
    }
    notes
}

/// Returns the time in whole seconds, which is easier to read in the file.
fn now() -> OffsetDateTime {
    let now = SystemClock.now();
    now.replace_nanosecond(0).unwrap_or(now)
}
