//! The table. Each row contains two subjects of a group, their ratio, its target and the result.

use std::fmt::Write;

use crate::group::{Comparison, Group, Target, Unit, quantile};

/// The cells of one comparison.
pub(crate) struct Row {
    cells: [String; 8],
}

const HEADERS: [&str; 8] = [
    "subject",
    "compared with",
    "ratio",
    "middle half of the rounds",
    "target",
    "result",
    "subject's figure",
    "other figure",
];

/// Returns the rows of a group, without the rows whose subjects were not measured.
pub(crate) fn rows(group: &Group) -> Vec<Row> {
    group.comparisons.iter().filter_map(|comparison| row(group, comparison)).collect()
}

fn row(group: &Group, comparison: &Comparison) -> Option<Row> {
    let (own, other) = (group.find(&comparison.subject)?, group.find(&comparison.beside)?);
    let ratios = own.ratios(other);
    let ratio = quantile(&ratios, 0.5);
    let spread = match ratios.len() {
        1 => String::new(),
        _ => format!("{:.3} to {:.3}", quantile(&ratios, 0.25), quantile(&ratios, 0.75)),
    };
    let target = comparison.target.map_or(String::new(), |target| match target {
        Target::AtLeast(least) => format!(">= {least:.2}"),
        Target::AtMost(most) => format!("<= {most:.2}"),
    });
    let result = match comparison.target.map(|target| target.is_met(ratio)) {
        Some(true) => "pass",
        Some(false) => "MISS",
        None => "",
    };
    Some(Row {
        cells: [
            format!("{}: {}", group.title, own.name),
            other.name.clone(),
            format!("{ratio:.3}"),
            spread,
            target,
            result.to_owned(),
            figure(own.median(), group.unit),
            figure(other.median(), group.unit),
        ],
    })
}

/// Formats a figure with its unit.
pub(crate) fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds if value >= 10_000.0 => format!("{:.1} µs", value / 1000.0),
        Unit::Nanoseconds if value >= 1_000.0 => format!("{:.2} µs", value / 1000.0),
        Unit::Nanoseconds => format!("{value:.0} ns"),
        Unit::RequestsPerSecond => format!("{}/s", thousands(value)),
        Unit::Bytes => format!("{} B", thousands(value)),
        Unit::Instructions => thousands(value),
    }
}

/// Formats a number with a comma between groups of three digits.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value <= -0.5 { "-".to_owned() } else { String::new() };
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats the table for a terminal, with aligned columns.
pub(crate) fn text(rows: &[Row]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row.cells[column].chars().count());
        cells.chain([HEADERS[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut text = String::new();
    let mut line = |cells: [&str; 8]| {
        let padded: Vec<_> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    };
    line(HEADERS);
    for row in rows {
        line(row.cells.each_ref().map(String::as_str));
    }
    text
}

/// Formats the table as Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| {} |\n|{}\n", HEADERS.join(" | "), " --- |".repeat(HEADERS.len()));
    for row in rows {
        writeln!(text, "| {} |", row.cells.join(" | ")).expect("writing to a String cannot fail");
    }
    text
}
