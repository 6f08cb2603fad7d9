//! The chart, with one panel for each group and one bar for each subject.

use std::fmt::Write;

use crate::group::{Group, Samples, Side, Unit};
use crate::table::figure;

const WIDTH: f64 = 860.0;
const MARGIN: f64 = 16.0;
/// The x coordinate of the bars. The names are to the left of it.
const LEFT: f64 = 360.0;
/// The room for a figure to the right of its bar.
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const TITLE: f64 = 40.0;

/// Draws the medians of each group that has peers.
pub(crate) fn svg(groups: &[Group]) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    let mut compared: Vec<_> = groups.iter().filter(|group| is_compared(group)).collect();
    // Requests per second first, because users see them.
    compared.sort_by_key(|group| group.unit != Unit::RequestsPerSecond);
    for group in compared {
        y = panel(&mut body, group, y);
    }
    let height = y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn is_compared(group: &Group) -> bool {
    let has = |side| group.samples.iter().any(|samples| samples.side == side);
    has(Side::Ours) && has(Side::Peer)
}

/// Draws a panel, and returns the y coordinate of the next panel.
fn panel(body: &mut String, group: &Group, top: f64) -> f64 {
    let better = match group.unit {
        Unit::RequestsPerSecond => "requests a second, longer is better",
        Unit::Nanoseconds => "time, shorter is better",
        Unit::Bytes => "memory, shorter is better",
        Unit::Instructions => "instructions a request, shorter is better",
    };
    let title = escape(&format!("{}: {better}", group.title));
    element(
        body,
        &format!("<text x=\"{MARGIN}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top + 20.0),
    );
    let longest = group.samples.iter().map(Samples::median).fold(0.0, f64::max);
    for (position, samples) in group.samples.iter().enumerate() {
        let y = top + TITLE + position as f64 * STEP;
        let length = samples.median() / longest * (WIDTH - LEFT - RIGHT);
        let color = match samples.side {
            Side::Ours => "#2563eb",
            Side::Peer | Side::Limit => "#9ca3af",
        };
        let (baseline, name) = (y + BAR - 3.0, escape(&samples.name));
        element(
            body,
            &format!(
                "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{name}</text>",
                LEFT - 8.0
            ),
        );
        let bar = format!(
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{color}\"/>"
        );
        element(body, &bar);
        let value = figure(samples.median(), group.unit);
        element(
            body,
            &format!("<text x=\"{:.1}\" y=\"{baseline}\">{value}</text>", LEFT + length + 6.0),
        );
    }
    top + TITLE + group.samples.len() as f64 * STEP + MARGIN
}

fn element(body: &mut String, element: &str) {
    writeln!(body, "{element}").expect("a String takes everything");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
