//! Who may use whom inside the library, read from its `use crate::` lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Each module, with those it may use. What is not listed is the tour itself, `lib.rs`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("app_data", &[]),
    ("clock", &[]),
    ("cookie", &["error"]),
    ("error", &[]),
    ("limits", &["error"]),
    ("keys", &["error"]),
    ("redis_connection", &["error"]),
    ("settings", &[]),
    ("token", &["error", "keys"]),
    ("issuer", &["app_data", "clock", "error", "keys", "limits", "settings", "token"]),
    ("session", &["clock", "cookie", "error", "keys", "limits", "revocation", "token"]),
    ("refresh", &["clock", "error", "issuer", "keys", "limits", "revocation", "series", "token"]),
    ("revocation", &["clock", "error", "limits", "redis_connection"]),
    ("series", &["clock", "error", "limits", "redis_connection", "revocation"]),
    ("test_suites", &["revocation", "series"]),
    ("remember", &["clock", "cookie", "error", "keys", "limits", "revocation", "series", "token"]),
    ("verifier", &["app_data", "clock", "cookie", "error", "keys", "limits", "revocation", "settings", "token"]),
    ("guard", &["app_data", "error", "token", "verifier"]),
];

#[test]
fn modules_use_only_whom_they_may() {
    let exports = exports();
    for (module, files) in modules() {
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("`{module}` is new: say in this test whom it may use"));
        for file in files {
            for name in uses(&fs::read_to_string(&file).unwrap()) {
                let used = exports.get(&name).unwrap_or_else(|| panic!("{}: whose is `{name}`?", file.display()));
                let fine = *used == module || allowed.contains(&used.as_str());
                assert!(fine, "{} uses `{name}` of `{used}`, which `{module}` may not", file.display());
            }
        }
    }
}

#[test]
fn only_keys_and_tokens_name_pasetors() {
    for (module, files) in modules() {
        for file in files {
            let names = fs::read_to_string(&file).unwrap().contains("pasetors::");
            let may = module == "keys" || module == "token";
            assert!(may || !names, "{} names pasetors", file.display());
        }
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../paseto-actix/src")
}

/// The files of each top-level module.
fn modules() -> BTreeMap<String, Vec<PathBuf>> {
    let mut modules = BTreeMap::<_, Vec<_>>::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(source()).unwrap().with_extension("");
            let top = inside.iter().next().unwrap().to_str().unwrap().to_owned();
            if top != "lib" {
                modules.entry(top).or_default().push(path);
            }
        }
    }
    assert_eq!(modules.len(), MAY_USE.len(), "a module of the list is gone");
    modules
}

/// What `lib.rs` exports, or has, and from which module it is.
fn exports() -> BTreeMap<String, String> {
    let lib = fs::read_to_string(source().join("lib.rs")).unwrap();
    let mut exports: BTreeMap<_, _> =
        MAY_USE.iter().map(|(module, _)| ((*module).to_owned(), (*module).to_owned())).collect();
    for statement in statements(&lib, "use ") {
        if let Some((module, names)) = statement.split_once("::") {
            exports.extend(identifiers(names).into_iter().map(|name| (name, module.to_owned())));
        }
    }
    exports
}

/// The names that a file imports from the root of its crate.
fn uses(text: &str) -> BTreeSet<String> {
    statements(text, "use crate::")
        .into_iter()
        .flat_map(|statement| {
            if !statement.starts_with('{') {
                return identifiers(&statement).into_iter().take(1).collect();
            }
            // Of `{Name, module::{inner}}`, what counts is `Name` and `module`.
            let mut depth = 0;
            let top: String = statement
                .chars()
                .filter(|c| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth <= 1
                })
                .collect();
            top.trim_matches(['{', '}'])
                .split(',')
                .map(|item| item.trim().split("::").next().unwrap().split(' ').next().unwrap().to_owned())
                .filter(|name| !name.is_empty() && name != "}")
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What stands between `start` at the begin of a line and the next semicolon.
fn statements(text: &str, start: &str) -> Vec<String> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some(index) = rest.find(start) {
        let line = &rest[..index];
        let prefix = line.rsplit('\n').next().unwrap_or_default();
        rest = &rest[index + start.len()..];
        if prefix.is_empty() || prefix == "pub " || prefix == "pub(crate) " {
            found.push(rest.split(';').next().unwrap_or_default().to_owned());
        }
    }
    found
}

fn identifiers(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
