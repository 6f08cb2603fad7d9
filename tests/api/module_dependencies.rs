//! The dependencies between the modules of the library, read from the paths in its code.

use std::fs;
use std::path::{Path, PathBuf};

/// All modules, in layers: a module uses only modules above it. So there is no circle.
const LAYERS: &[&str] = &[
    "app_data",
    "test_request",
    "authority",
    "public_document",
    "clock",
    "erased",
    "random",
    "keyed_hash",
    "records",
    "error",
    "openapi",
    "csrf",
    "limits",
    "event",
    "keys",
    "token",
    "cookie",
    "cross_origin",
    "redis",
    "sqlite",
    "revocation",
    "token_family",
    "conformance",
    "config",
    "session",
    "issuer",
    "refresh",
    "protected_resource",
    "key_set",
    "verifier",
    "guard",
    "token_cookies",
    "token_endpoints",
    "remember",
    "current_user",
    "testing",
    "guide",
];

#[test]
fn modules_use_only_modules_above_them() {
    for (module, file, code) in code_of_modules() {
        for used in used_modules(&code) {
            let layer = |name: &str| {
                LAYERS.iter().position(|layer| *layer == name).unwrap_or_else(|| {
                    panic!("{}: `{name}` is not a module in `LAYERS`", file.display())
                })
            };
            assert!(
                layer(&used) <= layer(&module),
                "{}: `{module}` uses `{used}`, which is below it in `LAYERS`",
                file.display()
            );
        }
    }
}

/// Modules that must stay independent of others above them, with the modules that they use.
const RESTRICTED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("keys", &["clock", "limits", "error"]),
    ("token", &["error", "keys"]),
    ("conformance", &["random", "revocation", "token_family"]),
];

#[test]
fn restricted_modules_use_only_their_list() {
    for (module, file, code) in code_of_modules() {
        let Some((_, allowed)) = RESTRICTED.iter().find(|(name, _)| *name == module) else {
            continue;
        };
        for used in used_modules(&code) {
            let is_allowed = used == module || allowed.contains(&used.as_str());
            assert!(is_allowed, "{}: `{module}` must not use `{used}`", file.display());
        }
    }
}

/// `super` can reach another module only from the root, so paths between modules begin with
/// `crate`.
#[test]
fn super_does_not_leave_a_module() {
    for (_, file, code) in code_of_modules() {
        let depth = file.strip_prefix(source()).unwrap().components().count();
        let leaving = format!("{}::", vec!["super"; depth].join("::"));
        // `mod tests` in a file is one level deeper.
        let code = code.replace("use super::*;", "");
        assert!(!code.contains(&leaving), "{}: `{leaving}` leaves the module", file.display());
    }
}

#[test]
fn only_keys_and_tokens_use_pasetors() {
    let mut modules: Vec<_> = code_of_modules()
        .into_iter()
        .filter(|(_, _, code)| code.contains("pasetors::"))
        .map(|(module, ..)| module)
        .collect();
    modules.sort();
    modules.dedup();
    assert_eq!(modules, ["keys", "token"]);
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../paseto-actix/src")
}

/// Each file with its top-level module and its code. `lib.rs` is not a module.
fn code_of_modules() -> Vec<(String, PathBuf, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![source()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(source()).unwrap().with_extension("");
            let module = inside.iter().next().unwrap().to_str().unwrap().to_owned();
            if module != "lib" {
                let code = code(&fs::read_to_string(&path).unwrap());
                files.push((module, path, code));
            }
        }
    }
    files
}

/// Removes comments and strings. No string or block comment of the library contains a path and
/// spans lines.
fn code(file: &str) -> String {
    let mut code = String::new();
    for line in file.lines() {
        let line = line.replace(r#"\""#, "").replace(r#"'"'"#, "");
        for outside in line.split('"').step_by(2) {
            let (before, is_comment) =
                outside.split_once("//").map_or((outside, false), |(before, _)| (before, true));
            code.push_str(before);
            if is_comment {
                break;
            }
        }
        code.push('\n');
    }
    code
}

/// The name after each `crate::`. An import of several modules in braces has the name ``, which no
/// module has.
fn used_modules(code: &str) -> Vec<String> {
    let name = |path: &str| {
        path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    code.split("crate::").skip(1).map(name).collect()
}

#[test]
fn paths_are_found_in_code_only() {
    let file = r#"
        use crate::module::{self, Inner, deep::{Deeper}}; // crate::comment
        pub(crate) use crate::single::{One, Two};
        /// [`Doc`](crate::Doc)
        fn f(c: crate::Argument) { g("crate::text \" crate::text", '"', crate::inline::path()) } // "crate::quoted"
    "#;
    assert_eq!(used_modules(&code(file)), ["module", "single", "Argument", "inline"]);
    assert_eq!(used_modules("use crate::{a, b};"), [""]);
}
