//! Parses the options between the parentheses of the attribute.
//!
//! This stage checks only the syntax of each option. [`model`](crate::model) checks the values.
//! After a mistake, the parser continues with the next option, so it reports all mistakes together.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::token::Paren;
use syn::{Error, Expr, ExprLit, ExprPath, Lit, LitStr, Result, Token, parenthesized};

use crate::mistakes::Mistakes;

/// The name of each option and an example of its syntax.
const OPTIONS: [(&str, &str); 5] = [
    ("scopes", r#"`scopes("read", "write")`"#),
    ("any_scope", r#"`any_scope("editor", "admin")`"#),
    ("acr", r#"`acr("phr", "phrh")`"#),
    ("fresh", r#"`fresh = "10m"`"#),
    ("check", "`check = path::to::function`"),
];

/// The options in source order, including repetitions.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) options: Vec<Opt>,
}

impl Args {
    pub(crate) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                match Opt::parse(input, mistakes) {
                    Ok(option) => args.options.push(option),
                    Err(mistake) => {
                        mistakes.add(mistake);
                        up_to_comma(input)?;
                    }
                }
                if !input.is_empty() {
                    separator(input, mistakes)?;
                }
            }
            Ok(())
        })
        .parse2(tokens);
        if let Err(mistake) = parsed {
            mistakes.add(mistake);
        }
        args
    }
}

/// One option. The error for a repetition points to its name.
pub(crate) struct Opt {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Scopes(Vec<Name>),
    AnyScope(Vec<Name>),
    Acr(Vec<Name>),
    Fresh(LitStr),
    Check(ExprPath),
}

/// A scope or a value of `acr`. The macro does not know the value of a constant, so the expansion
/// checks it.
pub(crate) enum Name {
    Literal(LitStr),
    Constant(ExprPath),
}

impl Name {
    /// Returns the span for errors about the value.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Literal(text) => text.span(),
            Self::Constant(constant) => {
                constant.path.segments.last().map_or_else(|| constant.span(), Spanned::span)
            }
        }
    }
}

impl ToTokens for Name {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(text) => text.to_tokens(tokens),
            Self::Constant(constant) => constant.to_tokens(tokens),
        }
    }
}

impl Opt {
    fn parse(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            let message =
                format!("an option begins with its name; the options are {}", all_options());
            return Err(input.error(message));
        }
        let name = input.call(Ident::parse_any)?;
        let value = match name.to_string().as_str() {
            "scopes" => Value::Scopes(name_list(&name, input, mistakes)?),
            "any_scope" => Value::AnyScope(name_list(&name, input, mistakes)?),
            "acr" => Value::Acr(name_list(&name, input, mistakes)?),
            "fresh" => Value::Fresh(duration_text(&name, input)?),
            "check" => Value::Check(function_path(&name, input)?),
            _ => return Err(unknown_option(&name)),
        };
        Ok(Self { name, value })
    }
}

/// Parses a list such as `("a", constant::B)` with at least one element.
fn name_list(name: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Vec<Name>> {
    let (element, no_name) = if name == "acr" {
        (
            "a value",
            r#"an `acr` value is a string literal or the path of a `&str` constant: "phr" or `acr::PHR`"#,
        )
    } else {
        (
            "a scope",
            r#"a scope is a string literal or the path of a `&str` constant: "read" or `scope::READ`"#,
        )
    };
    if !input.peek(Paren) {
        return Err(wrong_shape(name, input));
    }
    let content;
    let paren = parenthesized!(content in input);
    if content.is_empty() {
        let message = format!("`{name}` without {element}: name at least one, or remove it");
        return Err(Error::new(paren.span.join(), message));
    }
    let mut names = Vec::new();
    while !content.is_empty() {
        match content.parse().map(ungrouped) {
            Ok(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => names.push(Name::Literal(text)),
            Ok(Expr::Path(constant)) => names.push(Name::Constant(constant)),
            Ok(other) => mistakes.add(Error::new_spanned(other, no_name)),
            Err(mistake) => {
                mistakes.add(Error::new(mistake.span(), no_name));
                up_to_comma(&content)?;
            }
        }
        if !content.is_empty() {
            separator(&content, mistakes)?;
        }
    }
    Ok(names)
}

fn duration_text(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    match assigned(name, input)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(Error::new_spanned(
            other,
            r#"a duration is written as a string with its unit, s, m, h or d: `fresh = "10m"`"#,
        )),
    }
}

fn function_path(name: &Ident, input: ParseStream<'_>) -> Result<ExprPath> {
    match assigned(name, input)? {
        Expr::Path(path) => Ok(path),
        other => Err(Error::new_spanned(
            other,
            "`check` takes the path of a function, not an expression: move this into a \
             `fn(&HttpRequest, &VerifiedToken) -> Result<(), Rejection>` and name it here",
        )),
    }
}

/// Parses the expression after `=`. Each option accepts only a literal or a path. Parsing a whole
/// expression lets the error cover all of it, and commas inside it do not separate options.
fn assigned(name: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        return Err(wrong_shape(name, input));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        let mut tokens = name.to_token_stream();
        equals.to_tokens(&mut tokens);
        return Err(Error::new_spanned(tokens, write_it_as(name)));
    }
    input.parse().map(ungrouped)
}

/// Removes the invisible group that a variable of a `macro_rules!` macro adds.
fn ungrouped(expression: Expr) -> Expr {
    match expression {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

/// Parses the comma between two options or names. Reports and skips other tokens.
fn separator(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<()> {
    if !input.peek(Token![,]) {
        mistakes.add(input.error("a comma is missing before this"));
        up_to_comma(input)?;
    }
    input.parse::<Option<Token![,]>>().map(drop)
}

/// Skips the tokens of the current option or name, and returns them.
fn up_to_comma(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut skipped = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        skipped.extend([input.parse::<TokenTree>()?]);
    }
    Ok(skipped)
}

fn wrong_shape(name: &Ident, input: ParseStream<'_>) -> Error {
    let mut tokens = name.to_token_stream();
    match up_to_comma(input) {
        Ok(rest) => tokens.extend(rest),
        Err(mistake) => return mistake,
    }
    Error::new_spanned(tokens, write_it_as(name))
}

fn write_it_as(name: &Ident) -> String {
    let written = OPTIONS.iter().find(|(option, _)| name == option);
    format!("write this option as {}", written.map_or("", |(_, written)| written))
}

fn unknown_option(name: &Ident) -> Error {
    let written = name.to_string();
    let near = OPTIONS
        .iter()
        .map(|(option, _)| (distance(&written, option), *option))
        // A distance of 2 to an option of 3 letters, such as `acr`, would match unrelated words.
        .filter(|(distance, option)| {
            *distance <= 2.min(option.len() - 2) || option.contains(written.as_str())
        })
        .min();
    let hint =
        near.map_or_else(|| ".".to_owned(), |(_, option)| format!(": did you mean `{option}`?"));
    let options = all_options();
    let message = format!("unknown option `{written}`{hint} The options are {options}");
    Error::new(name.span(), message)
}

fn all_options() -> String {
    let [first, second, third, fourth, last] = OPTIONS.map(|(_, written)| written);
    format!("{first}, {second}, {third}, {fourth} and {last}")
}

/// Returns the Levenshtein distance of two names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let exchanged = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(source: &str) -> Vec<String> {
        let mut mistakes = Mistakes::default();
        let tokens = source.parse().unwrap();
        Args::parse(tokens, &mut mistakes);
        mistakes.messages()
    }

    #[test]
    fn options_can_be_combined_and_end_in_a_comma() {
        for source in [
            "",
            r#"scopes("a")"#,
            r#"scopes("a", "b",), any_scope("c",), acr("d"), fresh = "10m", check = f,"#,
            "scopes(READ, scope::WRITE), any_scope(<A as B>::C, ::a::D), acr(E,)",
            "check = ::a::b::<u8, u16>",
            "check = <A as B<C, D>>::f",
        ] {
            assert_eq!(errors(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn a_mistake_does_not_hide_the_next() {
        for (source, count) in [
            ("nothing, else", 2),
            (r#"scopes = "a", fresh = 10, check = "f""#, 3),
            (r#"scopes(a(), 1, "b" "c"), any_scope(), acr(-1)"#, 5),
            (r#"scopes, any_scope["a"], fresh, check"#, 4),
            (r#"scopes(, "a"), any_scope(= 1, "b",, "c" =), , fresh"#, 6),
            ("fresh =, check ==", 2),
            ("check = |a, b| Ok(()), fresh(10)", 2),
            (r#"scopes("a") any_scope("b"), "c", 7"#, 3),
        ] {
            assert_eq!(errors(source).len(), count, "{source}: {:?}", errors(source));
        }
    }

    #[test]
    fn a_similar_option_is_suggested() {
        for (written, near) in [
            ("scope", "scopes"),
            ("scpoes", "scopes"),
            ("any_scopes", "any_scope"),
            ("any", "any_scope"),
            ("refresh", "fresh"),
            ("checks", "check"),
            ("amr", "acr"),
        ] {
            let message = errors(written).remove(0);
            let hint = format!("did you mean `{near}`?");
            assert!(message.contains(&hint), "{message}");
        }
        let message = errors("audience").remove(0);
        assert!(!message.contains("did you mean"), "{message}");
    }
}
