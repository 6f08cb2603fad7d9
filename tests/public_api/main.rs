//! Lists the public API of the library. `.ci/public-api` runs it.
//!
//! Arguments: the output of rustdoc in JSON, and `docs/design.md`, which gives the reason for each
//! crate that the public API names.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs;

use public_api::Builder;

/// The heading of the table.
const HEADING: &str = "### Which crates does the public API name?";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(json), Some(design)) = (arguments.next(), arguments.next()) else {
        return Err("expected two arguments: the JSON of rustdoc, and `docs/design.md`".into());
    };
    let api = Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("cannot read `{json}`: {error}"))?;
    let listing: String = api.items().map(|item| format!("{item}\n")).collect();
    let named = crates(&listing);
    let justified = justified(&fs::read_to_string(design)?);
    if justified.is_empty() {
        return Err(format!("`docs/design.md` has no table below the heading `{HEADING}`").into());
    }
    if let Some(name) = named.difference(&justified).next() {
        let advice = "make the type private, or add the reason to the table of `docs/design.md`";
        return Err(format!("the public API names the crate `{name}`: {advice}").into());
    }
    if let Some(name) = justified.difference(&named).next() {
        let advice = "remove it from the table of `docs/design.md`";
        return Err(format!("the public API does not name the crate `{name}`: {advice}").into());
    }
    print!("{listing}");
    Ok(())
}

/// The first names of the paths, without those of the library and of the standard library.
fn crates(listing: &str) -> BTreeSet<String> {
    listing
        .split(|character: char| !character.is_alphanumeric() && !"_:".contains(character))
        .filter_map(|path| path.split_once("::"))
        .map(|(name, _)| name.to_owned())
        // Other names are type parameters.
        .filter(|name| name.starts_with(char::is_lowercase))
        .filter(|name| !["alloc", "core", "paseto_actix", "std"].contains(&name.as_str()))
        .collect()
}

/// The crates in the table below the heading that asks for them.
fn justified(design: &str) -> BTreeSet<String> {
    design
        .lines()
        .skip_while(|line| *line != HEADING)
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('|').nth(1))
        // Every second part is between backticks.
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|name| name.replace('-', "_"))
        .collect()
}
