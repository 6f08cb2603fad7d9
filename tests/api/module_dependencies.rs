//! Who may use whom inside the library, read from the paths `crate::…` in its code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module, with those it may use. What is not listed is the tour itself, `lib.rs`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("app_data", &[]),
    ("authority", &[]),
    ("clock", &[]),
    ("cookie", &["authority", "error"]),
    ("cross_origin", &["authority", "error"]),
    ("erased", &[]),
    ("error", &[]),
    ("event", &["error"]),
    ("limits", &["error"]),
    ("keyed_hash", &[]),
    ("keys", &["error"]),
    ("protected_resource", &["authority", "error", "token"]),
    ("redis_connection", &["error"]),
    ("config", &["cookie", "error", "keys", "token"]),
    ("token", &["error", "keys"]),
    ("issuer", &["app_data", "clock", "config", "error", "keys", "limits", "token"]),
    (
        "session",
        &[
            "clock",
            "config",
            "cookie",
            "cross_origin",
            "error",
            "keys",
            "limits",
            "revocation",
            "token",
        ],
    ),
    (
        "refresh",
        &[
            "clock",
            "config",
            "error",
            "event",
            "issuer",
            "keys",
            "limits",
            "revocation",
            "family",
            "token",
        ],
    ),
    ("revocation", &["clock", "erased", "error", "keyed_hash", "limits", "redis_connection"]),
    ("family", &["clock", "erased", "error", "keyed_hash", "redis_connection"]),
    ("conformance", &["revocation", "family"]),
    (
        "remember",
        &[
            "clock",
            "config",
            "cookie",
            "cross_origin",
            "error",
            "event",
            "guard",
            "keys",
            "refresh",
            "revocation",
            "family",
            "session",
            "token",
        ],
    ),
    (
        "verifier",
        &[
            "app_data",
            "clock",
            "config",
            "cookie",
            "cross_origin",
            "error",
            "event",
            "keyed_hash",
            "keys",
            "limits",
            "protected_resource",
            "revocation",
            "token",
        ],
    ),
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
            for name in uses(&code(&fs::read_to_string(&file).unwrap())) {
                let used = exports
                    .get(&name)
                    .unwrap_or_else(|| panic!("{}: whose is `{name}`?", file.display()));
                let fine = *used == module || allowed.contains(&used.as_str());
                assert!(
                    fine,
                    "{} uses `{name}` of `{used}`, which `{module}` may not",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn only_keys_and_tokens_name_pasetors() {
    let names_it = |file: &PathBuf| fs::read_to_string(file).unwrap().contains("pasetors::");
    let modules = modules().into_iter().filter(|(_, files)| files.iter().any(names_it));
    assert_eq!(modules.map(|(module, _)| module).collect::<Vec<_>>(), ["keys", "token"]);
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

/// Removes comments and strings. Assumes that no string or block comment spans lines.
fn code(file: &str) -> String {
    let mut code = String::new();
    for line in file.lines() {
        let line = line.replace(r#"\""#, "").replace(r#"'"'"#, "");
        for outside in line.split('"').step_by(2) {
            let Some((before, _comment)) = outside.split_once("//") else {
                code.push_str(outside);
                continue;
            };
            code.push_str(before);
            break;
        }
        code.push('\n');
    }
    code
}

/// The names that code takes from the root of its crate: `name` of `crate::name::inner`, and `Name` and `module` of
/// `crate::{Name, module::{inner}}`.
fn uses(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        let path = &code[at + start.len()..];
        if !path.starts_with('{') {
            names.extend(identifiers(path).into_iter().next());
            continue;
        }
        let (mut top, mut depth) = (String::new(), 0);
        for c in path.chars() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            match depth {
                0 => break,
                1 => top.push(c),
                _ => (),
            }
        }
        names.extend(top.split(',').filter_map(|item| identifiers(item).into_iter().next()));
    }
    names
}

#[test]
fn paths_are_found_in_code_alone() {
    let file = r#"
        use crate::{
            Alone, Renamed as Other, module::{self, Inner, deep::{Deeper}}, last::Last, // crate::comment
        };
        pub(crate) use crate::single::{One, Two};
        /// [`Doc`](crate::Doc)
        fn f(c: crate::Argument) { g("crate::text \" crate::text", '"', crate::inline::path()) } // "crate::quoted"
    "#;
    let expected = ["Alone", "Argument", "Renamed", "inline", "last", "module", "single"];
    assert_eq!(uses(&code(file)).iter().collect::<Vec<_>>(), expected.each_ref());
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
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
