use actix_web::dev::ResourceDef;
use actix_web::http::{Method, Uri};
use actix_web::introspection::{IntrospectionNode, IntrospectionTree, ResourceType};
use actix_web::{HttpRequest, web};

use crate::random::random_id;

/// A path of the application with its methods.
pub(super) struct TestedPath {
    /// The full pattern, such as `/users/{id}`.
    pub(super) pattern: String,
    /// The methods of the guards. Empty if a route accepts each method.
    pub(super) methods: Vec<Method>,
    /// Patterns of the same resource.
    aliases: Vec<String>,
    /// Whether a guard of actix-web selects requests by more than their method.
    pub(super) has_condition: bool,
    pub(super) is_route: bool,
    is_scope: bool,
}

impl TestedPath {
    /// Returns the methods that a request must reach a handler with.
    pub(super) fn expected_methods(&self) -> &[Method] {
        if self.methods.is_empty() { &[Method::GET, Method::POST] } else { &self.methods }
    }

    /// Returns whether this is the pattern of the path. actix-web reports the first pattern of a
    /// resource with several patterns.
    pub(super) fn has_pattern(&self, pattern: Option<&str>) -> bool {
        pattern.is_some_and(|pattern| {
            self.pattern == pattern || self.aliases.iter().any(|alias| alias == pattern)
        })
    }
}

/// Returns the paths of the application that received this request.
pub(super) fn tested_paths(req: &HttpRequest) -> Vec<TestedPath> {
    let Some(tree) = req.app_data::<web::Data<IntrospectionTree>>() else {
        panic!("the routes are unknown: call this function with an application of `init_service`");
    };
    let mut paths = Vec::new();
    collect(&tree.root, false, &mut paths);
    paths
}

fn collect(node: &IntrospectionNode, inherited: bool, paths: &mut Vec<TestedPath>) {
    let is_method = |guard: &String| node.methods.iter().any(|method| method.as_str() == guard);
    let has_condition = inherited || !node.guards.iter().all(is_method);
    // Without patterns, the node is only a part of a longer path.
    if !node.patterns.is_empty() {
        let prefix = node.patterns.iter().find_map(|own| node.full_path.strip_suffix(own.as_str()));
        let alias = |other| format!("{}{other}", prefix.unwrap_or_default());
        paths.push(TestedPath {
            pattern: node.full_path.clone(),
            methods: node.methods.clone(),
            aliases: node.patterns.iter().map(alias).collect(),
            has_condition,
            is_route: matches!(node.kind, ResourceType::Resource),
            is_scope: matches!(node.kind, ResourceType::Scope) || !node.children.is_empty(),
        });
    }
    for child in &node.children {
        collect(child, has_condition, paths);
    }
}

/// Returns the name of a path that no application has.
pub(super) fn random_name() -> String {
    random_id().expect("the operating system returns random bytes")
}

/// Returns the name and paths without a route, for the application and each scope. A route such as
/// `/{id}` can match the first path, so a longer path follows.
pub(super) fn unknown_paths(paths: &[TestedPath], name: &str) -> Vec<(String, [String; 2])> {
    let scopes = paths.iter().filter(|path| path.is_scope).map(|path| path.pattern.as_str());
    let mut unknown = Vec::new();
    for scope in std::iter::once("").chain(scopes) {
        let Some(base) = matching_prefix(scope) else { continue };
        let label = format!("{}/*", scope.trim_end_matches('/'));
        let base = base.trim_end_matches('/');
        let candidates = [format!("{base}/{name}"), format!("{base}/{name}/{name}")];
        if !unknown.iter().any(|(other, _)| *other == label) {
            unknown.push((label, candidates));
        }
    }
    unknown
}

/// Returns a path that matches the pattern, or `None` if no such path is found.
pub(super) fn matching_path(pattern: &str) -> Option<String> {
    let path = matching_prefix(pattern)?;
    let is_match =
        Uri::try_from(path.as_str()).is_ok() && ResourceDef::new(pattern).is_match(&path);
    is_match.then_some(path)
}

/// Replaces each parameter of a pattern by a value.
fn matching_prefix(pattern: &str) -> Option<String> {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some(start) = rest.find('{') {
        let end = start + closing_brace(&rest[start..])?;
        path.push_str(&rest[..start]);
        path.push_str(&match rest[start + 1..end].split_once(':') {
            None => "1".to_owned(),
            Some((_, regex)) => value_of(regex)?,
        });
        rest = &rest[end + 1..];
        // `{tail}*` matches the rest of the path.
        rest = if rest == "*" { "" } else { rest };
    }
    path.push_str(rest);
    Some(path)
}

/// Returns the index of the brace that closes the first one.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(index),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Values of usual parameters: IDs, dates, versions, names of files.
const VALUES: &[&str] = &[
    "1",
    "a",
    "A",
    "00000000-0000-4000-8000-000000000000",
    "2026-01-01",
    "2026-01",
    "1.0",
    "1.0.0",
    "v1",
    "a-b",
    "a_b",
    "a1",
    "a/b",
    "a.b",
    "index.html",
    "a.png",
    "a.json",
    "a@b.example",
    "-1",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
];
/// The longest value of one repeated character.
const MAX_REPEATED: usize = 64;

/// Returns a value that matches a regular expression.
fn value_of(regex: &str) -> Option<String> {
    let resource = ResourceDef::new(format!("/{{value:{regex}}}"));
    let alternatives = regex.split(['|', '(', ')']).map(|part| part.replace('\\', ""));
    let repeated = (2..=MAX_REPEATED).flat_map(|len| ["1", "a", "A"].map(|one| one.repeat(len)));
    let values = VALUES.iter().map(|value| (*value).to_owned());
    values.chain(alternatives).chain(repeated).find(|value| {
        let path = format!("/{value}");
        !value.is_empty() && resource.is_match(&path) && Uri::try_from(path).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::matching_path;

    #[test]
    fn path_matches_the_parameters_of_the_pattern() {
        for (pattern, path) in [
            ("/", "/"),
            ("/users/{id}", "/users/1"),
            ("/users/{id}/posts/{post}", "/users/1/posts/1"),
            (r"/years/{year:\d{4}}", "/years/1111"),
            ("/{lang:(en|de)}/home", "/en/home"),
            ("/{lang:en|de}", "/en"),
            ("/codes/{code:[A-Z]{2}[A-Z]}", "/codes/AAA"),
            ("/files/{path:.*}", "/files/1"),
            ("/files/{path}*", "/files/1"),
            (
                "/ids/{id:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}}",
                "/ids/00000000-0000-4000-8000-000000000000",
            ),
        ] {
            assert_eq!(matching_path(pattern).as_deref(), Some(path), "{pattern}");
        }
        assert_eq!(matching_path("/{odd:x7[q]+y}"), None);
    }
}
